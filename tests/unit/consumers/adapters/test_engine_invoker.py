"""What invoking means for each engine, and what the invoker makes of the responses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tailrace_consumers.adapters.engine_invoker import EngineInvoker
from tailrace_core.aws.calls import Call
from tailrace_core.engines import Engine
from tailrace_core.errors import PermanentError, TransientError
from tailrace_core.invocations import InvocationResponse, InvocationTargets
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.messages.scoring import ScoreDue

JOB = "01JD0000000000000000000000"
CHUNK = Chunk(job_id=JOB, range=RowRange(0, 2))
SETTINGS = JobSettings(endpoint_name="demand")
QUEUED = [Engine.REALTIME, Engine.SERVERLESS]
NOW = 1_700_000_000.5


def invoke(answer: dict[str, str]) -> InvocationResponse:
    return EngineInvoker(InvocationTargets("bucket"), lambda _: answer, clock=lambda: NOW).invoke(CHUNK, SETTINGS)


def invoked(engine: Engine, calls: list[Call], queue: str | None = "https://sqs/scoring") -> InvocationResponse:
    def execute(call: Call) -> dict[str, Any]:
        calls.append(call)
        return {}

    invoker = EngineInvoker(InvocationTargets("bucket", queue), execute, clock=lambda: NOW)
    return invoker.invoke(CHUNK, replace(SETTINGS, engine=engine))


def test_the_answer_says_where_output_and_failure_will_be() -> None:
    assert invoke({"OutputLocation": "s3://b/out"}) == InvocationResponse("s3://b/out", None)
    assert invoke({"OutputLocation": "s3://b/out", "FailureLocation": "s3://b/f"}) == InvocationResponse(
        "s3://b/out", "s3://b/f"
    )


def test_an_answer_that_broke_off_leaves_open_whether_the_request_was_taken() -> None:
    with pytest.raises(TransientError, match="lacks the output"):
        invoke({})


@pytest.mark.parametrize("engine", QUEUED)
def test_for_an_endpoint_that_has_no_queue_the_request_goes_to_the_scoring_queue(engine: Engine) -> None:
    calls: list[Call] = []
    response = invoked(engine, calls)
    (call,) = calls
    assert (call.service, call.operation, call.params["QueueUrl"]) == ("sqs", "send_message", "https://sqs/scoring")
    sent = ScoreDue.model_validate_json(call.params["MessageBody"])
    assert (sent.endpoint_name, sent.inference_id, sent.sent_at) == ("demand", f"{JOB}.0.2.1", NOW)
    assert sent.input_location == f"s3://bucket/v1/jobs/{JOB}/input/000000000000-2.csv"
    assert (sent.content_type, sent.accept, sent.request_ttl_s, sent.invocation_timeout_s) == (
        "text/csv", "text/csv", 21_600, 900
    )  # fmt: skip
    # The location follows from the attempt: a repeated one overwrites its own answer.
    assert response == InvocationResponse(f"s3://bucket/v1/outputs/{JOB}.0.2.1.out", None)
    assert invoked(engine, calls) == response


@pytest.mark.parametrize("engine", QUEUED)
def test_a_request_has_the_parameters_that_the_service_itself_would_get(engine: Engine) -> None:
    sent: dict[Engine, list[Call]] = {Engine.ASYNC: [], engine: []}
    invoked(engine, sent[engine])
    with pytest.raises(TransientError):
        invoked(Engine.ASYNC, sent[Engine.ASYNC])
    message = json.loads(sent[engine][0].params["MessageBody"])
    assert message == {**sent[Engine.ASYNC][0].params, "schema_version": 1, "type": "ScoreDue", "SentAt": NOW}


def test_in_a_stack_that_is_no_longer_deployed_for_the_job_its_chunks_are_parked() -> None:
    with pytest.raises(PermanentError, match="EndpointKind=realtime"):
        invoked(Engine.REALTIME, [], queue=None)
