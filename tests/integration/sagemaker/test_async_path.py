from typing import Any

import pytest

from .cloud import Lab


@pytest.fixture
def endpoint(lab: Lab) -> str:
    return lab.endpoint(lab.config(lab.model(weight=3), asynchronous=lab.async_config()))


def test_an_invocation_answers_202_and_its_output_is_the_containers_body(lab: Lab, endpoint: str) -> None:
    answer = lab.invoke(endpoint, lab.put("1\n2\n"), ContentType="text/csv", Accept="text/csv", InferenceId="job.0.2.1")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "job.0.2.1"
    message = lab.success.next()
    assert message["responseParameters"]["outputLocation"] == answer["OutputLocation"]
    assert answer["OutputLocation"].startswith(f"s3://{lab.bucket}/out/")
    assert lab.read(answer["OutputLocation"]) == ("3\n6\n", "text/csv; charset=utf-8")


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        ("status=400", "Received client error (400) from model."),
        ("status=503", "Received server error (503) from model."),
    ],
)
def test_a_containers_refusal_reaches_the_error_topic_with_its_text_in_the_failure_object(
    lab: Lab, endpoint: str, orders: str, reason: str
) -> None:
    answer = lab.invoke(endpoint, lab.put("1\n"), CustomAttributes=orders)
    message: dict[str, Any] = lab.error.next()
    assert message["invocationStatus"] == "Failed"
    assert reason in message["failureReason"]
    assert message["requestParameters"]["customAttributes"] == orders
    assert lab.read(answer["FailureLocation"])[0] == f"row 3: {orders[-3:]}"
