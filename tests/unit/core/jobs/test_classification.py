"""Classification of failures by their reasons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import FailureClass

C = FailureClass
LOGS = (
    "See the SageMaker Endpoint logs in your account for more information. "
    "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logEventViewer:group="
    "/aws/sagemaker/Endpoints/throttle-404 in account 413413413413."
)
WAITED = "Your invocation timed out while waiting for a response from container primary. Please review the latency."


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (f"ClientError: Received client error (400) from model. {LOGS}", C.DATA),
        (f'ClientError: Received client error (422) from primary with message "HTTP 500". {LOGS}', C.DATA),
        (f"ClientError: Received client error (413) from model. {LOGS}", C.TOO_LARGE),
        (f"ClientError: Received client error (429) from model. {LOGS}", C.THROTTLED),
        (f"ClientError: Received client error (408) from model. {LOGS}", C.TRANSIENT),
        (f"ClientError: Received server error (500) from model. {LOGS}", C.TRANSIENT),
        (f"ClientError: Received server error (503) from model. {LOGS}", C.TRANSIENT),
        (f"ClientError: Received server error (0) from model. {LOGS}", C.TRANSIENT),
        (f'Received server error (0) from primary with message "{WAITED}" {LOGS}', C.TOO_LARGE),
        (f"ModelError: {WAITED}", C.TOO_LARGE),
        ("Amazon SageMaker could not get a response from the demand endpoint. CPU utilization is high.", C.TRANSIENT),
        ("Connection reset by peer", C.TRANSIENT),
        ("the connection was closed", C.TRANSIENT),
        ("Read timed out", C.TRANSIENT),
        ("status code 502", C.TRANSIENT),
        ("Status code: 503 Service Unavailable", C.TRANSIENT),
        ("statusCode=504", C.TRANSIENT),
        ("HTTP/1.1 502 Bad Gateway", C.TRANSIENT),
        ("HTTP error 500", C.TRANSIENT),
        ("error code: 400", C.DATA),
        ("ThrottlingException: Rate exceeded", C.THROTTLED),
        ("Too many requests", C.THROTTLED),
        ("The endpoint demand is updating", C.THROTTLED),
        ("InsufficientInstanceCapacity: insufficient capacity", C.THROTTLED),
        ("The request expired before it was processed", C.EXPIRED),
        ("RequestTTLSeconds: time-to-live of the request has expired.", C.EXPIRED),
        ("Expired request", C.EXPIRED),
        ("AccessDenied: s3:GetObject", C.INFRASTRUCTURE),
        (
            "User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to: s3:Get",
            C.INFRASTRUCTURE,
        ),
        ("NoSuchKey: The specified key does not exist.", C.INFRASTRUCTURE),
        ("Input object s3://bucket/v1/jobs/x.csv was not found", C.INFRASTRUCTURE),
        ("Failed to download the input", C.INFRASTRUCTURE),
        ("Endpoint demand of account 123456789012 not found.", C.INFRASTRUCTURE),
        ("The security token included in the request is expired", C.INFRASTRUCTURE),
        ("something that nobody has seen before", C.UNKNOWN),
        ("", C.UNKNOWN),
        (None, C.UNKNOWN),
    ],
)
def test_reasons_are_told_apart(reason: str | None, expected: FailureClass) -> None:
    assert classify(reason) is expected


S3 = "Request ID: 25B458BA4187FD7E; S3 Extended Request ID: TBye2b7LH/9DPlbprRidritbD8iwMjtdAbwEbsu9TYcw8OmdUSp="
MODEL_SAID = 'ClientError: Received client error (400) from primary with message "'


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (f"Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; {S3})", C.INFRASTRUCTURE),
        ("Access Denied (Service: Amazon S3; Status Code: 403; …)", C.INFRASTRUCTURE),
        (f"Forbidden (Service: Amazon S3; Status Code: 403; Error Code: 403 Forbidden; {S3})", C.INFRASTRUCTURE),
        (
            (f"ClientError: The specified key does not exist. (Service: Amazon S3; Status Code: 404; "
            f"Error Code: NoSuchKey; {S3}), S3 Extended Request ID: null"),
            C.INFRASTRUCTURE,
        ),
        (
            ("The specified key does not exist. (Service: S3, Status Code: 404, Request ID: 4YCCW3PNJTWFES45, "
            "Extended Request ID: u4ixnW71kxhLzVcvzf0pArGvFodvHlcdc3SpAjuIu1CdK1SThw6/HMLd1vXkQ==)"),
            C.INFRASTRUCTURE,
        ),
        (
            ("The ciphertext refers to a customer master key that does not exist, does not exist in this region, or "
            "you are not allowed to access. (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; "
            "Request ID: d5b4a8d5-1; Proxy: null)"),
            C.INFRASTRUCTURE,
        ),
        (
            "arn:aws:kms:eu-west-1:123456789012:key/1 is disabled. (Service: Kms, Status Code: 400, Request ID: 1)",
            C.INFRASTRUCTURE,
        ),
        (
            ("You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls. "
            "(Service: AWSKMS; Status Code: 400; Error Code: ThrottlingException; Request ID: 1)"),
            C.THROTTLED,
        ),
        ("Please reduce your request rate. (Service: S3, Status Code: 503, Request ID: 1)", C.THROTTLED),
        ("Slow Down (Service: S3, Status Code: 503, Request ID: 1)", C.THROTTLED),
        ("x (Service: Amazon S3; Status Code: 400; Error Code: KMS.ThrottlingException; Request ID: 1)", C.THROTTLED),
        ("Service Unavailable (Service: S3, Status Code: 503, Request ID: 1)", C.TRANSIENT),
        ("Rate exceeded (Service: AWSLogs; Status Code: 400; Error Code: ThrottlingException; …)", C.THROTTLED),
        (f"Please reduce your request rate. (Service: Amazon S3; Status Code: 503; Error Code: SlowDown; {S3})",
         C.THROTTLED),
        (f"We encountered an internal error. (Service: Amazon S3; Status Code: 500; Error Code: InternalError; {S3})",
         C.TRANSIENT),
        (
            ("Your socket connection to the server was not read from or written to within the timeout period. "
            "(Service: Amazon S3; Status Code: 400; Error Code: RequestTimeout; Request ID: 1)"),
            C.TRANSIENT,
        ),
        ("Bad Gateway (Service: Amazon S3; Status Code: 502; Error Code: 502 Bad Gateway; …)", C.TRANSIENT),
        ("An error occurred (AccessDenied) when calling the GetObject operation: Access Denied", C.INFRASTRUCTURE),
        ("An error occurred (404) when calling the HeadObject operation: Not Found", C.INFRASTRUCTURE),
        ("An error occurred (403) when calling the HeadObject operation: Forbidden", C.INFRASTRUCTURE),
        ("A client error (403) occurred when calling the HeadObject operation: Forbidden", C.INFRASTRUCTURE),
        (
            ("An error occurred (ThrottlingException) when calling the Decrypt operation (reached max retries: 4): "
            "Rate exceeded; HTTP status 400"),
            C.THROTTLED,
        ),
        ("An error occurred (InternalError) when calling the GetObject operation: try again", C.TRANSIENT),
        ("An error occurred (ExpiredToken) when calling the PutObject operation: it is expired", C.INFRASTRUCTURE),
    ],
)  # fmt: skip
def test_a_refusal_in_an_sdks_wording_is_told_before_its_number(reason: str, expected: FailureClass) -> None:
    assert classify(reason) is expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (f'{MODEL_SAID}An error occurred (AccessDenied) when calling the GetObject operation". {LOGS}', C.DATA),
        (f'{MODEL_SAID}bad value "Access Denied (Service: Amazon S3; Status Code: 403; …)" in x". {LOGS}', C.DATA),
        (f'{MODEL_SAID}Rate exceeded (Service: X; Status Code: 400; Error Code: ThrottlingException)". {LOGS}', C.DATA),
        (f'{MODEL_SAID}{{ "code": 400, "type": "InternalServerException", "message": "\'llama\'" }} ". {LOGS}', C.DATA),
        ((f'{MODEL_SAID}Unable to evaluate payload provided: Feature size of csv inference data 32 is not consistent '
         f'with feature size of trained model 31". {LOGS}'), C.DATA),
        ((f'Received server error (500) from model with message "An error occurred (AccessDenied) when calling the '
         f'GetObject operation". {LOGS}'), C.TRANSIENT),
        (("An error occurred (ModelError) when calling the InvokeEndpoint operation: Received client error (400) from "
         'model with message "{"code": 400, "message": "Parameter model_name is required."}"'), C.DATA),
        (("An error occurred (ModelError) when calling the InvokeEndpoint operation: Received server error (0) from "
         f'primary with message "{WAITED}"'), C.TOO_LARGE),
        ("Received server error (500) from primary and could not load the entire response body. See the logs.",
         C.TRANSIENT),
    ],
)  # fmt: skip
def test_a_containers_own_words_never_pass_for_a_refusal_of_aws(reason: str, expected: FailureClass) -> None:
    assert classify(reason) is expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("The response from the container did not specify the required Content-Length header", C.INFRASTRUCTURE),
        ("Worker died.", C.TRANSIENT),
        ((f'Received server error (500) from primary with message "{{"code": 500, "type": "InternalServerException", '
         f'"message": "Worker died."}}". {LOGS}'), C.TRANSIENT),
        (('Received server error (0) from model with message "An error occurred while handling request as the model '
         f'process exited.". {LOGS}'), C.TRANSIENT),
        ("An error occurred while handling request as the model process exited.", C.TRANSIENT),
        ("The response body exceeded the maximum size", C.TOO_LARGE),
        ("Payload exceeds the maximum allowed size of 6291456 bytes", C.TOO_LARGE),
        ("InternalServerError", C.TRANSIENT),
        ("InternalServerError: We encountered an internal error. Please try again.", C.TRANSIENT),
        ("InternalFailure", C.TRANSIENT),
    ],
)  # fmt: skip
def test_messages_without_a_status_have_classes(reason: str, expected: FailureClass) -> None:
    assert classify(reason) is expected


@given(st.text(max_size=100), st.integers(400, 499))
def test_whatever_a_container_says_its_status_decides(words: str, status: int) -> None:
    frame = f"Received client error ({status}) from primary"
    assert classify(f'{frame} with message "{words}"') is classify(frame)


@pytest.mark.parametrize(
    "name",
    [
        "error-500-model",
        "error-404-model",
        "status-413",
        "throttle",
        "throttled-v2",
        "timeout",
        "forbidden",
        "expired-request",
        "http-400",
    ],
)
def test_an_endpoints_name_says_nothing(name: str) -> None:
    gone = f"Amazon SageMaker could not get a response from the {name} endpoint. This can occur when CPU is high."
    assert classify(gone) is C.TRANSIENT
    assert classify(f"Received client error (400) from model. See /aws/sagemaker/Endpoints/{name} in account") is C.DATA


@pytest.mark.parametrize(
    "reason",
    [
        "account 400413500123 had trouble",
        "arn:aws:sagemaker:eu-west-1:400400400400:endpoint/status/404",
        "error while reading row 413 of 500",
        "400 rows were read, 500 remain",
        "error 4000 rows",
        "error in line 404",
        "exit status 1",
        "error (1234)",
        "status 400-500 ms",
        "version 5.0.3",
        "at 2026-01-25T22:46:00.500Z",
    ],
)
def test_numbers_elsewhere_are_no_status(reason: str) -> None:
    assert classify(reason) is C.UNKNOWN


@given(st.integers(100, 599), st.sampled_from(["client", "server"]))
def test_the_status_decides_and_not_the_word_before_it(status: int, side: str) -> None:
    classes = {C.DATA, C.TOO_LARGE, C.THROTTLED, C.TRANSIENT} if status >= 400 else {C.UNKNOWN}
    found = classify(f"ClientError: Received {side} error ({status}) from model. See the logs.")
    assert found in classes
    assert (found is C.TRANSIENT) == (status >= 500 or status in {408, 425})


@given(st.text(max_size=300))
def test_any_text_has_a_class(reason: str) -> None:
    assert classify(reason) in FailureClass


def test_a_very_long_reason_is_classified_by_its_beginning() -> None:
    assert classify("Received client error (400) from model. " + "a/" * 500_000) is C.DATA
    assert classify("x" * 1_000_000) is C.UNKNOWN
