"""ScoreChunks: an InvokeEndpointAsync over InvokeEndpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.score_chunks.handler import build, handle
from tailrace_core.engines import LIMITS, Engine, EngineLimits
from tailrace_core.errors import (
    AccessDeniedError,
    ConfigurationError,
    ContractError,
    MessageError,
    PermanentError,
    TailraceError,
    ThrottledError,
    TransientError,
)
from tailrace_core.invocations import request
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.model import Chunk, ChunkState, JobState
from tailrace_core.jobs.probing import CONTROL_ATTEMPTS
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.rules import OpenOutcome
from tailrace_core.messages.notifications import decode_notification
from tailrace_core.messages.scoring import ScoreDue
from tailrace_core.objects import keys
from tests.fakes.consumer_ports import BUCKET
from tests.unit.consumers.bench import ENDPOINT, JOB_ID, NOW, Bench

OPERATION = "sagemaker-runtime.invoke_endpoint"


def double(body: bytes) -> bytes:
    return b"".join(b"%d\n" % (2 * int(each)) for each in body.split())


def submitted(engine: Engine = Engine.REALTIME, **settings: Any) -> tuple[Bench, Chunk]:
    bench = Bench()
    bench.endpoint.model = double
    bench.add_job(engine=engine, **settings)
    return bench, bench.add_chunk(0, [b"1", b"2", b"3"])


def due(bench: Bench, chunk: Chunk, **changes: Any) -> ScoreDue:
    settings = bench.ledger.settings(JOB_ID)
    assert settings is not None
    return ScoreDue.model_validate({**request(chunk, settings, BUCKET), "SentAt": NOW, **changes})


def sent_reason(bench: Bench) -> str:
    ((body, succeeded),) = bench.notifications.sent
    reason = decode_notification(body).failure_reason
    assert not succeeded
    assert reason is not None
    return reason


def test_the_answer_is_stored_and_reported_as_an_asynchronous_endpoint_does() -> None:
    bench, chunk = submitted()
    bench.now = NOW + 1.25
    assert bench.score.handle(due(bench, chunk)) is Outcome.ANSWERED
    key = f"v1/outputs/{JOB_ID}.0.3.1.out"
    assert bench.store.objects[key][0] == b"2\n4\n6\n"
    ((body, succeeded),) = bench.notifications.sent
    assert succeeded
    assert json.loads(body) == {
        "eventTime": "2023-11-14T22:13:21.250Z",
        "receivedTime": "2023-11-14T22:13:20.000Z",
        "invocationStatus": "Completed",
        "requestParameters": {
            "accept": "text/csv",
            "contentType": "text/csv",
            "endpointName": ENDPOINT,
            "inputLocation": f"s3://{BUCKET}/{keys.input_key(JOB_ID, chunk.range)}",
        },
        "responseParameters": {"contentType": "text/csv", "outputLocation": f"s3://{BUCKET}/{key}"},
        "inferenceId": f"{JOB_ID}.0.3.1",
        "eventVersion": "1.0",
        "eventSource": "tailrace:score-chunks",
        "eventName": "InferenceResult",
    }


def test_a_request_delivered_again_scores_again_and_settles_once() -> None:
    bench = Bench()
    bench.endpoint.model = double
    settings = bench.add_job(engine=Engine.REALTIME)
    rows = RowRange(0, 3)
    bench.store.put(keys.input_key(JOB_ID, rows), b"1\n2\n3\n")
    chunk = Chunk(job_id=JOB_ID, range=rows, due_at=NOW + 300)
    assert bench.ledger.open_chunk(chunk) is OpenOutcome.OPENED
    asked = ScoreDue.model_validate({**request(chunk, settings, BUCKET), "SentAt": NOW})
    assert [bench.score.handle(asked), bench.score.handle(asked)] == [Outcome.ANSWERED, Outcome.ANSWERED]
    said = [decode_notification(body) for body, _ in bench.notifications.sent]
    assert [bench.collect.handle(each) for each in said] == [Outcome.SCORED, Outcome.STALE]
    assert [key for key in bench.store.objects if key.startswith(keys.OUTPUTS)] == [keys.output_key(asked.inference_id)]
    assert bench.part(rows) == b"2\n4\n6\n"


def test_no_model_is_asked_for_what_nobody_needs() -> None:
    bench, chunk = submitted()
    asked = due(bench, chunk)
    bench.collect.handle(bench.answer(chunk, b"2\n4\n6\n"))
    assert bench.score.handle(asked) is Outcome.STALE
    assert bench.score.handle(due(bench, chunk, InferenceId=f"{JOB_ID}.7.3.1")) is Outcome.UNKNOWN_CHUNK
    assert bench.score.handle(due(bench, chunk, InferenceId="somebody-elses")) is Outcome.NOT_OURS
    assert not bench.endpoint.asked
    assert not bench.notifications.sent


@pytest.mark.parametrize("ending", [JobState.CANCELLED, JobState.EXPIRED])
def test_the_requests_of_a_closed_job_ask_no_model(ending: JobState) -> None:
    bench, chunk = submitted()
    asked = due(bench, chunk)
    if ending is JobState.EXPIRED:
        bench.now = NOW + 86_400
    else:
        assert bench.ledger.close(JOB_ID, ending, "nobody wants it")
    assert bench.score.handle(asked) is Outcome.CLOSED
    assert not bench.endpoint.asked


def test_a_replaced_attempt_asks_no_model_and_the_one_that_replaced_it_does() -> None:
    bench, chunk = submitted()
    following = bench.composition.attempts.begin(chunk, tries=2, reason="again")
    assert following is not None
    assert bench.score.handle(due(bench, chunk)) is Outcome.STALE
    assert bench.score.handle(due(bench, following)) is Outcome.ANSWERED


def test_a_control_asks_the_model_about_rows_that_were_scored() -> None:
    bench, chunk = submitted()
    bench.collect.handle(bench.answer(chunk, b"2\n4\n6\n"))
    assert bench.chunk(chunk.range).state is ChunkState.SCORED
    control = due(bench, chunk, InferenceId=f"{JOB_ID}.0.3.{CONTROL_ATTEMPTS + 1}")
    assert bench.score.handle(control) is Outcome.ANSWERED


def test_a_request_older_than_its_time_to_live_has_expired() -> None:
    bench, chunk = submitted(request_ttl_s=60)
    bench.now = NOW + 59.9
    assert bench.score.handle(due(bench, chunk)) is Outcome.ANSWERED
    bench.notifications.sent.clear()
    bench.now = NOW + 60
    assert bench.score.handle(due(bench, chunk)) is Outcome.FAILED
    assert classify(sent_reason(bench)) is FailureClass.EXPIRED


def test_an_input_that_is_gone_or_too_large_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, chunk = submitted()
    key = keys.input_key(JOB_ID, chunk.range)
    del bench.store.objects[key]
    bench.score.handle(due(bench, chunk))
    assert classify(sent_reason(bench)) is FailureClass.INFRASTRUCTURE
    bench.notifications.sent.clear()
    monkeypatch.setitem(LIMITS, Engine.REALTIME, tiny(5))
    bench.store.put(key, b"1\n2\n3\n")
    bench.score.handle(due(bench, chunk))
    assert classify(sent_reason(bench)) is FailureClass.TOO_LARGE
    assert not bench.endpoint.asked


def tiny(max_bytes: int) -> EngineLimits:
    return EngineLimits(
        max_bytes=max_bytes, warn_bytes=max_bytes, default_chunk_bytes=1, max_model_s=60, default_model_s=60
    )


def api_error(kind: type[TailraceError], code: str, status: int, said: str, **more: Any) -> TailraceError:
    return kind(f"{OPERATION}: {code}: {said}", code=code, status=status, operation=OPERATION, **more)


def model_error(status: int | None, said: str | None) -> TailraceError:
    more = {"original_status": status, "original_message": said}
    return api_error(PermanentError, "ModelError", 424, "Received an error from primary. See the log group", **more)


ERRORS = [
    (model_error(400, "could not convert string to float: 'x'"), FailureClass.DATA),
    (model_error(413, "Request Entity Too Large"), FailureClass.TOO_LARGE),
    (model_error(503, "An error occurred (AccessDenied) when calling the GetObject operation"), FailureClass.TRANSIENT),
    (model_error(None, None), FailureClass.TRANSIENT),
    (api_error(ThrottledError, "ModelNotReadyException", 429, "loading"), FailureClass.THROTTLED),
    (api_error(PermanentError, "ValidationError", 400, "Variant v was not found"), FailureClass.INFRASTRUCTURE),
    (api_error(AccessDeniedError, "AccessDeniedException", 403, "is not authorized"), FailureClass.INFRASTRUCTURE),
    (TransientError(f"{OPERATION}: Read timeout on endpoint URL", timed_out=True), FailureClass.TRANSIENT),
    (TransientError(f"{OPERATION}: Could not connect to the endpoint URL", timed_out=False), FailureClass.TRANSIENT),
    (PermanentError(f"{OPERATION}: the response exceeds the maximum payload size of 5 bytes"), FailureClass.TOO_LARGE),
]


@pytest.mark.parametrize(("error", "expected"), ERRORS, ids=lambda each: str(each)[:60])
def test_an_error_of_the_endpoint_is_reported_in_words_that_have_its_class(
    error: TailraceError, expected: FailureClass
) -> None:
    bench, chunk = submitted()
    bench.endpoint.refusals = [error]
    assert bench.score.handle(due(bench, chunk)) is Outcome.FAILED
    assert classify(sent_reason(bench)) is expected
    assert not [key for key in bench.store.objects if key.startswith(keys.OUTPUTS)]


@pytest.mark.parametrize(
    ("seconds", "rows", "expected"),
    [
        (60, [b"1", b"2"], FailureClass.TRANSIENT),
        (30, [b"1", b"2"], FailureClass.TOO_LARGE),
        (30, [b"1"], FailureClass.TRANSIENT),
    ],
)
def test_silence_is_a_verdict_on_the_rows_only_where_the_job_gave_the_model_less_time(
    seconds: int, rows: list[bytes], expected: FailureClass
) -> None:
    bench = Bench()
    bench.add_job(engine=Engine.REALTIME, invocation_timeout_s=seconds)
    bench.endpoint.refusals = [TransientError(f"{OPERATION}: Read timeout on endpoint URL", timed_out=True)]
    bench.score.handle(due(bench, bench.add_chunk(0, rows)))
    assert classify(sent_reason(bench)) is expected


@pytest.mark.parametrize(
    ("engine", "expected"), [(Engine.SERVERLESS, FailureClass.THROTTLED), (Engine.REALTIME, FailureClass.TRANSIENT)]
)
def test_an_endpoint_without_capacity_throttles_if_it_is_serverless(engine: Engine, expected: FailureClass) -> None:
    bench, chunk = submitted(engine)
    bench.endpoint.refusals = [api_error(TransientError, "ServiceUnavailable", 503, "busy")]
    bench.score.handle(due(bench, chunk))
    assert classify(sent_reason(bench)) is expected


def test_a_containers_words_come_in_one_line_that_a_queue_takes() -> None:
    bench, chunk = submitted()
    bench.endpoint.refusals = [model_error(400, "first\n  second\x00\tthird" + "x" * 300_000)]
    bench.score.handle(due(bench, chunk))
    assert 'with message "first second third' in sent_reason(bench)
    assert len(bench.notifications.sent[0][0]) < 20_000


@pytest.mark.parametrize(
    "location",
    [
        "s3://other/v1/jobs/a/input/1.csv",
        f"s3://{BUCKET}/v1/outputs/1.out",
        f"s3://{BUCKET}/v1/jobs/../secret",
        "https://example.com/x",
    ],
)
def test_an_input_elsewhere_is_not_read(location: str) -> None:
    bench, chunk = submitted()
    with pytest.raises(ContractError):
        bench.score.handle(due(bench, chunk, InputLocation=location))
    assert not bench.endpoint.asked


def test_the_handler_reads_the_message_and_names_its_subject() -> None:
    bench, chunk = submitted()
    asked = due(bench, chunk)
    assert handle(asked.to_json(), bench.score) == (Outcome.ANSWERED, asked.inference_id)
    with pytest.raises(MessageError):
        handle('{"type": "ScoreDue"}', bench.score)


def test_the_function_is_built_from_its_own_variables_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ("BUCKET", "LEDGER_TABLE", "SUCCEEDED_QUEUE", "FAILED_QUEUE")
    for name in needed:
        monkeypatch.setenv(f"TAILRACE_{name}", name.lower())
    assert build.__wrapped__().bucket == "bucket"
    for name in needed:
        monkeypatch.delenv(f"TAILRACE_{name}")
    with pytest.raises(ConfigurationError, match=", ".join(f"TAILRACE_{name}" for name in needed)):
        build.__wrapped__()
