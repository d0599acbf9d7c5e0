"""InvokeEndpoint over HTTP, sent directly and by botocore: its answers, its errors, one request each."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tailrace_consumers.adapters.sagemaker_endpoint import SageMakerEndpoint, unrepeated_executor
from tailrace_core.errors import TailraceError
from tailrace_core.messages.scoring import ScoreDue
from tests.scripted_server import HangUp, Received, scripted_server

REQUEST = ScoreDue.model_validate(
    {
        "EndpointName": "demand",
        "InputLocation": "s3://b/k",
        "InferenceId": "job.0.2.1",
        "Accept": "text/csv",
        "CustomAttributes": "trace=1",
        "InvocationTimeoutSeconds": 60,
        "SentAt": 0,
    }
)
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-west-1"}


@pytest.fixture(params=["direct", "botocore"])
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    if request.param == "botocore":
        monkeypatch.setenv("AWS_SDK_UA_APP_ID", "any-other-setting")
    kind: str = request.param
    return kind


def invoked(
    script: Callable[[Received], object], monkeypatch: pytest.MonkeyPatch, *, read_s: float = 5, max_bytes: int = 1_000
) -> tuple[str, int]:
    """Return the answer, or the error, in words, and the number of requests."""
    with scripted_server(script) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        endpoint = SageMakerEndpoint(lambda _: unrepeated_executor(read_s))
        try:
            answer = endpoint.invoke(REQUEST, b"1\n2\n", max_bytes=max_bytes)
            found = f"{answer.content_type} {answer.body!r}"
        except TailraceError as exc:
            said = [exc.details.get(name) for name in ("original_status", "original_message")]
            waited = " timed out" if exc.details.get("timed_out") else ""
            found = f"{type(exc).__name__} {said[0]} {said[1]}{waited}"
        return found, len(server.received)


def test_rows_go_out_and_predictions_come_back(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Received] = []

    def model(received: Received) -> None:
        seen.append(received)
        assert received.body() == b"1\n2\n"
        received.answer(b"2\n4\n", Content_Type="text/csv; charset=utf-8")

    assert invoked(model, monkeypatch) == ("text/csv; charset=utf-8 b'2\\n4\\n'", 1)
    (received,) = seen
    assert (received.method, received.path) == ("POST", "/endpoints/demand/invocations")
    assert received.by_botocore is (environment == "botocore")
    sent = {name: received.headers[name] for name in ("content-type", "accept", "x-amzn-sagemaker-inference-id")}
    assert sent == {"content-type": "text/csv", "accept": "text/csv", "x-amzn-sagemaker-inference-id": "job.0.2.1"}
    assert received.headers["x-amzn-sagemaker-custom-attributes"] == "trace=1"


def _error(received: Received, status: int, code: str, **body: object) -> None:
    received.body()
    received.answer(json.dumps(body).encode(), status, x_amzn_ErrorType=code)


MODEL_ERROR = {"OriginalStatusCode": 400, "OriginalMessage": "no number", "Message": "Received client error (400)"}


@pytest.mark.parametrize(
    ("status", "code", "body", "expected"),
    [
        (424, "ModelError", MODEL_ERROR, "PermanentError 400 no number"),
        (429, "ModelNotReadyException", {"Message": "loading"}, "ThrottledError None None"),
        (500, "InternalFailure", {"Message": "oops"}, "TransientError None None"),
        (503, "ServiceUnavailable", {"Message": "busy"}, "TransientError None None"),
        (530, "InternalDependencyException", {"Message": "oops"}, "TransientError None None"),
        (400, "ValidationError", {"Message": "Endpoint demand not found."}, "PermanentError None None"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_an_error_keeps_what_the_container_said_and_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, body: dict[str, Any], expected: str
) -> None:
    assert invoked(partial(_error, status=status, code=code, **body), monkeypatch) == (expected, 1)


@pytest.mark.usefixtures("environment")
def test_a_model_that_takes_too_long_is_not_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(received: Received) -> None:
        received.body()
        received.socket.recv(1)  # until the client hangs up

    assert invoked(silent, monkeypatch, read_s=0.3) == ("TransientError None None timed out", 1)


@pytest.mark.usefixtures("environment")
def test_a_connection_that_breaks_is_a_transient_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(received: Received) -> None:
        received.body()
        raise HangUp

    assert invoked(broken, monkeypatch) == ("TransientError None None", 1)


@pytest.mark.usefixtures("environment")
def test_an_answer_beyond_the_limit_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def long(received: Received) -> None:
        received.body()
        received.answer(b"x" * 1_001)

    assert invoked(long, monkeypatch)[0] == "PermanentError None None"


def test_a_request_waits_as_long_as_its_job_allows_and_no_longer_than_the_service() -> None:
    waits: list[float] = []

    def make(read_s: float) -> Callable[[object], dict[str, object]]:
        waits.append(read_s)
        raise LookupError

    endpoint = SageMakerEndpoint(make)
    for seconds in (7, 60, 900):
        with pytest.raises(LookupError):
            endpoint.invoke(REQUEST.model_copy(update={"invocation_timeout_s": seconds}), b"", max_bytes=1)
    assert waits == [17, 70, 70]
