"""The three functions' handlers, end to end over moto.

Messages in, objects, events and ledger out.
"""

import json
from functools import partial
from types import ModuleType
from typing import Any

from tailrace_consumers.collect_results import handler as collect_results
from tailrace_consumers.dispatch_retries import handler as dispatch_retries
from tailrace_consumers.handle_failures import handler as handle_failures
from tailrace_consumers.reconcile_jobs import handler as reconcile_jobs
from tailrace_consumers.reconcile_jobs.visits import Finding
from tailrace_consumers.runtime.telemetry import process_serially
from tailrace_core.csv_text.rejects import Reject, read_rejects
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects import keys
from tests.integration.consumers.aws import JOB_ID, Stack

WHOLE = RowRange(0, 4)


def batch(*bodies: object) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": "r",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for number, body in enumerate(bodies)
        ]
    }


def send(stack: Stack, function: ModuleType, *bodies: object) -> list[str]:
    """Return the ids of the failed messages."""
    service = function.assemble(stack.composition())
    answer = process_serially(batch(*bodies), partial(function.handle, service=service))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_an_answered_chunk_becomes_a_part_an_event_and_a_finished_job(stack: Stack) -> None:
    stack.add_job(source_columns=("id", "x"), sent_columns=(1,), kept_columns=(0,))
    chunk = stack.add_chunk(WHOLE, b"10\n20\n40\n", b'a\n"b\n,"\nc\nd\n', (Reject(2, "blank", b"c,"),))
    ledger = stack.composition().ledger
    assert ledger.seal(JOB_ID, 4)

    assert send(stack, collect_results, stack.answer(str(chunk.inference_id), b"0.1\n0.2\n0.4")) == []

    assert stack.get(keys.part_key(JOB_ID, WHOLE)) == b'a,0.1\n"b\n,",0.2\nc,\nd,0.4\n'
    job = ledger.job(JOB_ID)
    assert job is not None
    assert (job.state, job.rows_scored, job.rows_rejected) == (JobState.COMPLETED_WITH_REJECTS, 3, 1)
    part, finished = sorted(stack.received(stack.results_queue), key=lambda event: event["type"], reverse=True)
    assert (part["type"], part["rows"], part["rejected"]) == ("PartReady", 4, 1)
    assert part["body"].encode() == stack.get(keys.part_key(JOB_ID, WHOLE))
    assert finished["state"] == "completed_with_rejects"


def test_a_bad_row_is_isolated_by_splitting_and_costs_one_row(stack: Stack) -> None:
    stack.add_job(source_columns=("x",), sent_columns=(0,))
    stack.add_chunk(WHOLE, b"1\n2\nbad\n4\n")
    ledger = stack.composition().ledger
    assert ledger.seal(JOB_ID, 4)

    done = 0
    while done < len(stack.invoked):
        request = stack.invoked[done]
        done += 1
        rows = stack.get(request["InputLocation"].split("/", 3)[3])
        name = request["InferenceId"]
        if b"bad" in rows:
            said = stack.failure(name, "ClientError: Received client error (400) from model. See the logs.")
            assert send(stack, handle_failures, said) == []
        else:
            assert send(stack, collect_results, stack.answer(name, rows)) == []

    job = ledger.job(JOB_ID)
    assert job is not None
    assert (job.state, job.rows_scored, job.rows_rejected) == (JobState.COMPLETED_WITH_REJECTS, 3, 1)
    leaves = [chunk for chunk in ledger.chunks(JOB_ID) if chunk.state.leaf]
    assert b"".join(stack.get(keys.part_key(JOB_ID, each.range)) for each in leaves) == b'1\n2\n""\n4\n'
    (reject,) = read_rejects(stack.get(keys.rejects_key(JOB_ID, RowRange(2, 1))))
    assert (reject.row, reject.record) == (2, b"bad")


def test_a_failure_that_may_pass_is_tried_again_after_a_delay(stack: Stack) -> None:
    stack.add_job()
    chunk = stack.add_chunk(WHOLE, b"1\n2\n3\n4\n")
    said = stack.failure(str(chunk.inference_id), "ClientError: Received server error (500) from model.")

    assert send(stack, handle_failures, said) == []
    (due,) = stack.received(stack.settings.retries_queue)
    assert send(stack, dispatch_retries, due, due) == []

    assert [request["InferenceId"][-2:] for request in stack.invoked] == [".1", ".2"]
    found = stack.composition().ledger.chunk(JOB_ID, WHOLE)
    assert found is not None
    assert (found.attempt, found.tries, found.invoked, found.state) == (2, 2, True, ChunkState.OPEN)


def test_what_cannot_be_decoded_fails_alone(stack: Stack) -> None:
    stack.add_job()
    chunk = stack.add_chunk(WHOLE, b"1\n2\n3\n4\n")
    good = stack.answer(str(chunk.inference_id), b"1\n2\n3\n4\n")
    test = {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"}

    assert send(
        stack, collect_results, "not JSON", good, test, {"Type": "Notification", "Message": json.dumps(good)}
    ) == ["m0"]
    assert stack.get(keys.part_key(JOB_ID, WHOLE)) == b"1\n2\n3\n4\n"


def test_a_batch_finishes_the_job_once_all_of_its_messages_are_handled(stack: Stack) -> None:
    stack.add_job()
    chunks = [stack.add_chunk(RowRange(first, 2), b"1\n2\n") for first in (0, 2)]
    assert stack.composition().ledger.seal(JOB_ID, 4)
    try:
        said = batch(*(stack.answer(str(chunk.inference_id), b"1\n2\n") for chunk in chunks))
        assert collect_results.handler(said, None) == {"batchItemFailures": []}
    finally:
        collect_results.build.cache_clear()
    job = stack.composition().ledger.job(JOB_ID)
    assert job is not None
    assert (job.state, job.rows_scored) == (JobState.COMPLETED, 4)


def test_of_a_whole_batch_only_what_fails_comes_again(stack: Stack) -> None:
    """Handle ten messages in threads, with the function's own clients.

    Good ones, a duplicate, and others.
    """
    stack.add_job()
    chunks = [stack.add_chunk(RowRange(first, 2), b"1\n2\n") for first in range(0, 14, 2)]
    assert stack.composition().ledger.seal(JOB_ID, 14)
    good = [
        stack.answer(str(chunk.inference_id), b"%d\n%d\n" % (chunk.range.first_row, chunk.range.first_row + 1))
        for chunk in chunks
    ]
    test = {"eventVersion": "1.0", "eventSource": "aws:sagemaker", "eventName": "TestNotification"}
    try:
        said = batch(*good[:3], "nonsense", good[0], *good[3:], test)
        assert collect_results.handler(said, None) == {"batchItemFailures": [{"itemIdentifier": "m3"}]}
    finally:
        collect_results.build.cache_clear()
    for chunk in chunks:
        first = chunk.range.first_row
        assert stack.get(keys.part_key(JOB_ID, chunk.range)) == b"%d\n%d\n" % (first, first + 1)
    job = stack.composition().ledger.job(JOB_ID)
    assert job is not None
    assert (job.state, job.rows_scored) == (JobState.COMPLETED, 14)
    finished = [each for each in stack.received(stack.results_queue) if each["type"] == "JobFinished"]
    assert len(finished) == 1


def test_functions_build_themselves_from_their_environment(stack: Stack) -> None:
    stack.add_job()
    chunk = stack.add_chunk(WHOLE, b"1\n2\n3\n4\n")
    try:
        said = batch(stack.answer(str(chunk.inference_id), b"1\n2\n3\n4\n"), "nonsense")
        assert collect_results.handler(said, None) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
        late = stack.failure(str(chunk.inference_id), "late")
        assert handle_failures.handler(batch(late), None) == {"batchItemFailures": []}
        assert dispatch_retries.handler(batch("nonsense"), None) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
        assert reconcile_jobs.handler({}, None) == {"JobsExpired": 1}  # the job is of 2023
    finally:
        for module in (collect_results, handle_failures, dispatch_retries, reconcile_jobs):
            module.build.cache_clear()
    assert stack.get(keys.part_key(JOB_ID, WHOLE)) == b"1\n2\n3\n4\n"
    job = stack.composition().ledger.job(JOB_ID)
    assert job is not None
    assert (job.state, job.rows_scored) == (JobState.EXPIRED, 4)


def test_a_lost_notification_is_found_and_handled(stack: Stack) -> None:
    stack.add_job()
    chunk = stack.add_chunk(WHOLE, b"1\n2\n3\n4\n")
    stack.answer(str(chunk.inference_id), b"1\n2\n3\n4\n")  # and nobody hears of it
    stack.now += 301

    found, errors = reconcile_jobs.assemble(stack.composition()).run(60)
    assert (found[Finding.LOST_SUCCESS], errors) == (1, [])
    (said,) = stack.received(str(stack.settings.succeeded_queue))
    assert send(stack, collect_results, said) == []

    assert stack.get(keys.part_key(JOB_ID, WHOLE)) == b"1\n2\n3\n4\n"
