"""InvokeEndpoint as a client sees it: answers, errors in the service's words, faults, metrics."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, IncompleteReadError, ResponseStreamingError

from tailrace_local.sagemaker.settings import REALTIME_LIMIT_BYTES

from .cloud import ACCOUNT, IMAGE, REGION, ROLE, Lab, RunningEmulator, client, eventually, settings
from .conftest import MakeLab
from .test_faults import counts, plan


@pytest.fixture(scope="module")
def served(aws_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, str]]:
    """A lab with one endpoint in service, for tests that leave it as they found it."""
    running = RunningEmulator(settings(tmp_path_factory.mktemp("served"), aws_url)).start()
    try:
        lab = Lab(running, aws_url)
        yield lab, lab.endpoint(lab.config(lab.model()))
    finally:
        running.stop()


@pytest.fixture(autouse=True)
def no_faults_remain(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "served" in request.fixturenames:
        plan(request.getfixturevalue("served")[0])


def _invoke(lab: Lab, name: str, body: bytes = b"4\n", **parameters: Any) -> bytes:
    answer = lab.rt.invoke_endpoint(EndpointName=name, Body=body, ContentType="text/csv", **parameters)
    found: bytes = answer["Body"].read()
    return found


def _refused(lab: Lab, name: str, **parameters: Any) -> Any:
    with pytest.raises(ClientError) as refused:
        _invoke(lab, name, **parameters)
    return refused.value.response


def test_a_models_refusal_is_worded_as_the_service_words_it(lab: Lab) -> None:
    name = lab.endpoint(lab.config(lab.model()))
    found = _refused(lab, name, CustomAttributes="status=400")
    page = f"https://{REGION}.console.aws.amazon.com/cloudwatch/home?region={REGION}"
    group = f"/aws/sagemaker/Endpoints/{name}"
    assert found["Error"] == {
        "Code": "ModelError",
        "Message": f'Received client error (400) from primary with message "row 3: 400". See '
        f"{page}#logEventViewer:group={group} in account {ACCOUNT} for more information.",
    }
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (found["OriginalStatusCode"], found["OriginalMessage"]) == (400, "row 3: 400")
    assert found["LogStreamArn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    broken = _refused(lab, name, CustomAttributes="hang_up=1")
    assert broken["Error"]["Message"].startswith('Received server error (0) from primary with message ""')


def test_a_model_that_takes_longer_than_the_limit_times_out(make_lab: MakeLab) -> None:
    lab = make_lab(realtime_timeout_s=0.2)
    found = _refused(lab, lab.endpoint(lab.config(lab.model())), CustomAttributes="sleep=30")
    assert (found["Error"]["Code"], found["OriginalStatusCode"]) == ("ModelError", 0)
    assert "Your invocation timed out while waiting for a response from container primary" in found["OriginalMessage"]


def test_bodies_above_the_limit_are_refused_both_ways_and_the_limit_is_a_setting(make_lab: MakeLab) -> None:
    assert REALTIME_LIMIT_BYTES == 6_291_456
    lab = make_lab(realtime_limit_bytes=8)
    name = lab.endpoint(lab.config(lab.model(weight=1000)))
    assert _invoke(lab, name, b"1\n") == b"1000\n"
    found = _refused(lab, name, body=b"123456789")
    assert (found["Error"]["Code"], found["Error"]["Message"]) == ("413", "HTTP content length exceeded 8 bytes.")
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "exceeded the maximum of 8 bytes" in _refused(lab, name, body=b"1\n2\n")["OriginalMessage"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("InternalDependencyException", 530),
        ("ModelNotReadyException", 429),
    ],
)
def test_a_fault_plan_refuses_with_each_error_of_the_service(served: tuple[Lab, str], code: str, status: int) -> None:
    lab, name = served
    plan(lab, {"when": {"limit": 1}, "do": {"kind": "refuse", "code": code, "status": status, "message": "no"}})
    found = _refused(lab, name)
    assert (found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert _invoke(lab, name) == b"8\n"


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ({"kind": "status", "status": 503, "body": "warming"}, 503, "warming"),
        ({"kind": "hang_up"}, 0, ""),
        ({"kind": "no_response"}, 0, ""),
        ({"kind": "time_out"}, 0, "Your invocation timed out"),
    ],
)
def test_a_fault_plan_fails_the_model(served: tuple[Lab, str], fault: dict[str, Any], status: int, said: str) -> None:
    lab, name = served
    plan(lab, {"when": {"row": "^4$", "inference_id": "^job"}, "do": fault})
    assert _invoke(lab, name) == b"8\n"
    found = _refused(lab, name, InferenceId="job.1")
    assert (found["Error"]["Code"], found["OriginalStatusCode"]) == ("ModelError", status)
    assert found["OriginalMessage"].startswith(said)


def test_a_fault_plan_cuts_answers_off_corrupts_and_delays_them(served: tuple[Lab, str]) -> None:
    lab, name = served
    plan(lab, {"do": {"kind": "lose_answer"}})
    with pytest.raises((ConnectionClosedError, IncompleteReadError, ResponseStreamingError)):
        _invoke(lab, name, b"4\n" * 1000)
    plan(lab, {"do": {"kind": "slow", "seconds": 0.01}}, {"do": {"kind": "spoil_output", "how": "drop_last"}})
    assert _invoke(lab, name, b"4\n5\n") == b"8\n"
    assert counts(lab) == {"slow": 1, "spoil_output": 1}


def test_parameters_outside_their_limits_and_unknown_variants_are_validation_errors(served: tuple[Lab, str]) -> None:
    lab, name = served
    found = _refused(lab, name, InferenceId="x" * 65)
    assert found["Error"]["Code"] == "ValidationError"
    assert "Member must have length less than or equal to 64" in found["Error"]["Message"]
    assert _refused(lab, name, TargetVariant="Other")["Error"]["Code"] == "ValidationError"


def test_each_request_is_measured_and_without_traffic_only_what_is_concurrent(make_lab: MakeLab, aws_url: str) -> None:
    lab = make_lab(metrics_period_s=0.1)
    name = lab.endpoint(lab.config(lab.model(), count=2))
    cloudwatch = client("cloudwatch", aws_url)

    def total(metric: str, statistic: str = "Sum", namespace: str = "AWS/SageMaker") -> float:
        now = datetime.now(UTC)
        found = cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "AllTraffic"}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=600,
            Statistics=[statistic],
        )["Datapoints"]
        values = [float(point[statistic]) for point in found]
        # There are two periods when one ends meanwhile.
        return sum(values) if statistic in {"Sum", "SampleCount"} else max(values, default=0.0)

    def instances_counted() -> float:
        return total("CPUUtilization", "SampleCount", "/aws/sagemaker/Endpoints")

    for _ in range(4):
        _invoke(lab, name)
    for status in ("400", "503"):
        _refused(lab, name, CustomAttributes=f"status={status}")
    # A request is counted when it comes and judged when it ends, which may be told a period later.
    errors = ("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors")
    told = ("Invocations", "InvocationsPerInstance", "ModelLatency", "OverheadLatency", *errors)
    eventually(lambda: {total(each, "SampleCount") for each in told} == {6}, "six requests that ended")
    assert total("Invocations") == 6
    assert total("InvocationsPerInstance") == 3
    assert [total(f"Invocation{kind}XXErrors") for kind in "45"] == [1, 1]
    assert total("InvocationModelErrors") == 2
    assert 0 < total("ModelLatency", "Average") < 60e6
    assert 0 <= total("OverheadLatency", "Average") < 60e6
    assert eventually(lambda: total("ConcurrentRequestsPerModel", "Maximum"), "the concurrency") == 1
    samples = total("InvocationsPerInstance", "SampleCount")
    concurrency = total("ConcurrentRequestsPerModel", "SampleCount")
    before = instances_counted()
    eventually(lambda: instances_counted() >= before + 4, "two more values of each instance")
    assert total("InvocationsPerInstance", "SampleCount") == samples
    assert total("ConcurrentRequestsPerModel", "SampleCount") > concurrency


def test_a_serial_pipeline_runs_behind_a_real_time_endpoint(lab: Lab) -> None:
    containers = [{"Image": IMAGE, "Environment": {"WEIGHT": weight}} for weight in ("3", "5")]
    lab.sm.create_model(ModelName="row", ExecutionRoleArn=ROLE, Containers=containers)
    assert _invoke(lab, lab.endpoint(lab.config("row"))) == b"60\n"
