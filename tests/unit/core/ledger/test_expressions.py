"""Requests of the ledger are valid for the real DynamoDB; emulators accept more."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.errors import ConditionFailedError, ThrottledError
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.history import MAX_ENTRIES, HistoryEntry, HistoryEvent
from tailrace_core.jobs.model import ChunkState, JobState, QueuedRetry
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.jobs.window import MAX_CLAIMED
from tailrace_core.ledger import items
from tailrace_core.ledger.due_items import DueItem
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.port import JobKey
from tailrace_core.ledger.rules import Settlement
from tests.unit.core.job_examples import NOW, SETTINGS, chunk_of, end_of, new_job, waiting_chunk
from tests.unit.core.strategies import JOB

STEPS = DynamoSteps("ledger")
ROWS = RowRange(0, 10)
PARENT = chunk_of(0, 10, reason="why", parked_at=NOW, settled_at=NOW)
ENTRY = HistoryEntry(at=NOW, what=HistoryEvent.FAILED, attempt=1, failure="500")
FILLED = chunk_of(0, 10, attempt=2, history=(ENTRY,) * MAX_ENTRIES)
TIMED = dataclasses.replace(
    end_of(ROWS, ChunkState.SCORED), received_at=NOW, completed_at=NOW, settled_at=NOW, entry=ENTRY
)
STORED = items.job_item(new_job(state=JobState.FINISHING), 1)
FULL = new_job(chunks_in_flight=18, chunks_waiting=2, waiting_from=0)
WAITING = [items.chunk_item(waiting_chunk(row, 10), 1) for row in (0, 10)]
LOCATED = chunk_of(0, 10, output_location="s3://b/o", failure_location="s3://b/f")
ALL: dict[str, Callable[[], Steps[Any]]] = {
    "find_job_key": lambda: STEPS.find_job_key("k"),
    "job": lambda: STEPS.job(JOB),
    "settings": lambda: STEPS.settings(JOB),
    "chunk": lambda: STEPS.chunk(JOB, ROWS),
    "chunks_page": lambda: STEPS.chunks_page(JOB),
    "chunks_page, a later one": lambda: STEPS.chunks_page(JOB, items.chunk_item_key(JOB, ROWS)),
    "jobs": lambda: STEPS.jobs(10),
    "described_jobs": lambda: STEPS.described_jobs(10, since=NOW),
    "description": lambda: STEPS.description(JOB),
    "overdue_page": lambda: STEPS.overdue_page(3, NOW),
    "create_job": lambda: STEPS.create_job(new_job(), SETTINGS, JobKey("k", "f")),
    "create_job with a description": lambda: STEPS.create_job(new_job(), SETTINGS, None, JobDescription(name="n")),
    "seal": lambda: STEPS.seal(JOB, 10),
    "close with an entry": lambda: STEPS.close(JOB, JobState.CANCELLED, "why", ENTRY),
    "close": lambda: STEPS.close(JOB, JobState.CANCELLED, "why"),
    "start_finishing": lambda: STEPS.start_finishing(JOB, NOW),
    "finish": lambda: STEPS.finish(JOB),
    "postpone_job": lambda: STEPS.postpone_job(JOB, NOW),
    "postpone_failed": lambda: STEPS.postpone_failed(DueItem(JOB, ROWS, NOW), NOW),
    "postpone_failed of a job": lambda: STEPS.postpone_failed(DueItem(JOB, None, NOW), NOW),
    "open_chunk": lambda: STEPS.open_chunk(PARENT),
    "open_chunk that waits": lambda: STEPS.open_chunk(waiting_chunk(0, 10)),
    "open_chunks": lambda: STEPS.open_chunks([PARENT, waiting_chunk(10, 10), waiting_chunk(20, 10)]),
    "open_out_of_order": lambda: STEPS.open_out_of_order(FULL, [PARENT, waiting_chunk(10, 10)], 20),
    "open_out_of_order, before all others": lambda: STEPS.open_out_of_order(new_job(), [waiting_chunk(0, 10)]),
    "open_out_of_order, none waits": lambda: STEPS.open_out_of_order(new_job(), [PARENT]),
    "claim": lambda: STEPS.claim(FULL, 20, NOW),
    "add_rejected": lambda: STEPS.add_rejected(PARENT),
    "add_cancelled": lambda: STEPS.add_cancelled(PARENT),
    "begin_attempt": lambda: STEPS.begin_attempt(chunk_of(0, 10, attempt=2)),
    "confirm": lambda: STEPS.confirm(LOCATED),
    "confirm without locations": lambda: STEPS.confirm(chunk_of(0, 10, output_location="", failure_location="")),
    "confirm a queued retry": lambda: STEPS.confirm(chunk_of(0, 10, retry=QueuedRetry(NOW, 2))),
    "confirm_all": lambda: STEPS.confirm_all([LOCATED, chunk_of(10, 5, output_location="s3://b/o")]),
    "mark_answered": lambda: STEPS.mark_answered(JOB, ROWS),
    "mark_all_answered": lambda: STEPS.mark_all_answered([(JOB, ROWS), (JOB, RowRange(10, 5))]),
    "chunks_with_jobs": lambda: STEPS.chunks_with_jobs([(JOB, ROWS), (JOB, RowRange(10, 5))]),
    "begin_attempt with a full history": lambda: STEPS.begin_attempt(FILLED, ENTRY),
    "add_history": lambda: STEPS.add_history(JOB, ROWS, ENTRY),
    "add_history of a job": lambda: STEPS.add_history(JOB, None, ENTRY),
    "attention": lambda: STEPS.attention(10),
    "chunks_of": lambda: STEPS.chunks_of([(JOB, ROWS)]),
    "postpone with an entry": lambda: STEPS.postpone(PARENT, ENTRY),
    "postpone": lambda: STEPS.postpone(PARENT),
    "park": lambda: STEPS.park(PARENT, ENTRY),
    "settle": lambda: STEPS.settle(end_of(ROWS, ChunkState.SCORED)),
    "settle at an attempt": lambda: STEPS.settle(end_of(ROWS, ChunkState.REJECTED, attempt=2)),
    "settle with times and an entry": lambda: STEPS.settle(TIMED),
    "settle as cancelled": lambda: STEPS.settle(end_of(ROWS, ChunkState.CANCELLED)),
    "settle what waits": lambda: STEPS.settle(Settlement.cancelled_of(waiting_chunk(0, 10))),
    "settle_all": lambda: STEPS.settle_all(
        [end_of(ROWS, ChunkState.SCORED), end_of(RowRange(10, 5), ChunkState.SCORED)]
    ),
    "settle_all as cancelled": lambda: STEPS.settle_all(
        [Settlement.cancelled_of(PARENT), Settlement.cancelled_of(waiting_chunk(10, 10))]
    ),
    "split": lambda: STEPS.split(PARENT, chunk_of(0, 4), chunk_of(4, 6)),
    "split with an entry": lambda: STEPS.split(PARENT, chunk_of(0, 4), chunk_of(4, 6), entry=ENTRY),
    "split in a window": lambda: STEPS.split(PARENT, chunk_of(0, 4), chunk_of(4, 6), window=5),
    "split with a child that waits": lambda: STEPS.split(PARENT, chunk_of(0, 4), waiting_chunk(4, 6), window=5),
}
RESERVED = {word.upper() for word in ReservedKeywords.get_reserved_keywords()}
WORDS = {"SET", "REMOVE", "ADD", "AND", "OR", "IN", "BETWEEN", "NOT"}
FUNCTIONS = {"attribute_exists", "attribute_not_exists", "if_not_exists", "list_append"}


def calls_of(steps: Steps[Any], *, lost: bool) -> list[Call]:
    """Return the calls made if every condition holds, or if every one fails."""
    calls = list[Call]()

    def execute(call: Call) -> Any:
        calls.append(call)
        if lost and call.operation in {"update_item", "transact_write_items"}:
            raise ConditionFailedError("lost", reasons=("None", "ConditionalCheckFailed"))
        if call.operation == "get_item":
            return {"Item": STORED} if call.params["Key"]["item"] == {"S": "job"} else {}
        if call.operation == "batch_get_item":
            (key, *_) = call.params["RequestItems"]["ledger"]["Keys"]
            return {"Responses": {"ledger": [STORED] if key["item"] == {"S": "job"} else []}}
        if call.params.get("Limit") == MAX_CLAIMED and "IndexName" not in call.params:
            return {"Items": WAITING}
        return (
            {"Items": [items.job_item_key(JOB)]}
            if call.params.get("IndexName") == items.CREATED_INDEX
            else {"Items": []}
        )

    run(steps, execute)
    return calls


def requests_of(call: Call) -> list[dict[str, Any]]:
    """Return each part of the call with its own expressions."""
    if call.operation == "transact_write_items":
        return [request for part in call.params["TransactItems"] for request in part.values()]
    return [dict(call.params)]


CASES = [(name, lost) for name in ALL for lost in (False, True)]


@pytest.mark.parametrize(("name", "lost"), CASES)
def test_expressions_use_what_is_given_and_no_reserved_word(name: str, *, lost: bool) -> None:
    for request in (each for call in calls_of(ALL[name](), lost=lost) for each in requests_of(call)):
        text = " ".join(str(value) for field, value in request.items() if field.endswith("Expression"))
        values = set(request.get("ExpressionAttributeValues", {}))
        names = set(request.get("ExpressionAttributeNames", {}))
        assert set(re.findall(r":\w+", text)) == values
        assert set(re.findall(r"#\w+", text)) == names
        plain = set(re.findall(r"(?<![:#\w])[A-Za-z_]\w*", text)) - WORDS - FUNCTIONS
        assert {word for word in plain if word.upper() in RESERVED} == set()
        assert request.get("ExpressionAttributeValues") != {}
        assert request.get("ExpressionAttributeNames") != {}


@pytest.mark.parametrize(("name", "lost"), CASES)
def test_updates_have_each_clause_once_and_no_attribute_twice(name: str, *, lost: bool) -> None:
    for request in (each for call in calls_of(ALL[name](), lost=lost) for each in requests_of(call)):
        update = str(request.get("UpdateExpression", ""))
        clauses = re.findall(r"\b(?:SET|REMOVE|ADD|DELETE)\b", update)
        assert len(clauses) == len(set(clauses))
        paths = re.findall(r"(?:SET|REMOVE|ADD|,) ?(#?\w+)", update)
        assert len(paths) == len(set(paths))
        assert not {"job", "item"} & set(paths)


@pytest.mark.parametrize("name", ALL)
def test_a_transaction_touches_each_item_once(name: str) -> None:
    for call in calls_of(ALL[name](), lost=False):
        if call.operation == "transact_write_items":
            parts = [(kind, request) for part in call.params["TransactItems"] for kind, request in part.items()]
            keys = [
                str({field: (request["Item"] if kind == "Put" else request["Key"])[field] for field in ("job", "item")})
                for kind, request in parts
            ]
            assert len(keys) == len(set(keys)) <= 100


@pytest.mark.parametrize("name", ALL)
def test_reads_are_consistent_unless_an_index_is_read(name: str) -> None:
    for call in calls_of(ALL[name](), lost=False):
        if call.operation == "batch_get_item":
            assert all(each["ConsistentRead"] for each in call.params["RequestItems"].values())
        elif call.operation in {"get_item", "query"}:
            assert call.params.get("ConsistentRead", False) == ("IndexName" not in call.params)


@pytest.mark.parametrize("name", ALL)
def test_values_are_typed_as_the_api_wants_them(name: str) -> None:
    def typed(value: dict[str, Any]) -> bool:
        ((kind, plain),) = value.items()
        if kind == "L":
            return all(map(typed, plain))
        return isinstance(plain, bool if kind == "BOOL" else str) and kind in {"S", "N", "BOOL"}

    for request in (each for call in calls_of(ALL[name](), lost=False) for each in requests_of(call)):
        for field in ("Item", "Key", "ExpressionAttributeValues"):
            assert all(typed(value) for value in request.get(field, {}).values())


def test_a_batch_of_which_nothing_is_processed_is_throttling_and_not_a_busy_loop() -> None:
    def execute(call: Call) -> Any:
        if call.operation == "query":
            return {"Items": [items.job_item_key(JOB)]}
        return {"Responses": {}, "UnprocessedKeys": call.params["RequestItems"]}

    with pytest.raises(ThrottledError, match="none of the keys"):
        run(STEPS.jobs(1), execute)


def test_the_list_of_jobs_sorts_by_age_as_text() -> None:
    ages = [9.5, 10.25, 999_999_999.0, 1_700_000_000.0, 1_700_000_000.25, 1_700_000_000.5]
    texts = [items.job_item(new_job(created_at=age), 1)["created_at"]["S"] for age in ages]
    assert texts == sorted(texts)
    assert [float(text) for text in texts] == ages
