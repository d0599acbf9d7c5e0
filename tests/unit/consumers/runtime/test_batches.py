"""A message that fails is delivered again, and no other."""

from __future__ import annotations

import itertools
from threading import Event, Lock, Thread, current_thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_consumers.ports import DeferToSerialError
from tailrace_consumers.runtime.batches import CONCURRENCY, Record, process_batch
from tests.unit.consumers.threads import LIMIT_S, RAISED, bounded


def batch(bodies: list[str]) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{at}", "body": body, "receiptHandle": "r"} for at, body in enumerate(bodies)]}


@given(st.lists(st.sampled_from(["good", "bad"]), max_size=10))
def test_those_that_raised_come_again_and_all_were_tried(bodies: list[str]) -> None:
    seen: list[str] = []

    def handle(record: Record) -> None:
        seen.append(record.body)
        if record.body == "bad":
            raise RuntimeError

    answer = process_batch(batch(bodies), handle)
    assert seen == bodies
    wanted = [f"m{at}" for at, body in enumerate(bodies) if body == "bad"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": name} for name in wanted]}


def test_what_ends_the_process_ends_the_batch() -> None:
    def handle(_: Record) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        process_batch(batch(["x"]), handle)


def test_an_event_that_is_no_batch_fails_whole() -> None:
    with pytest.raises(KeyError):
        process_batch({"Records": [{"body": "x"}]}, lambda _: None)


def failures(answer: dict[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


@given(st.lists(st.sampled_from(["good", "bad", "large", "large and bad"]), max_size=10), st.integers(2, 5))
def test_by_threads_the_answer_is_the_same_and_what_is_large_is_handled_alone(
    bodies: list[str], concurrency: int
) -> None:
    lock = Lock()
    inside: list[str] = []
    ended: list[str] = []
    crowded: list[str] = []

    def handle(record: Record) -> None:
        with lock:
            inside.append(record.message_id)
            if record.serial and (len(inside) > 1 or current_thread() is not caller[0]):
                crowded.append(record.message_id)
        try:
            if "large" in record.body and not record.serial:
                raise DeferToSerialError
            with lock:
                ended.append(record.message_id)
            if "bad" in record.body:
                raise RuntimeError
        finally:
            with lock:
                inside.remove(record.message_id)

    caller: list[Thread] = []
    answers: list[dict[str, Any]] = []

    def act() -> None:
        caller.append(current_thread())
        answers.append(process_batch(batch(bodies), handle, concurrency=concurrency))

    bounded(act)
    assert failures(answers[0]) == [f"m{at}" for at, body in enumerate(bodies) if "bad" in body]
    assert sorted(ended) == sorted(f"m{at}" for at in range(len(bodies)))
    assert crowded == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(CONCURRENCY))))
def test_whoever_ends_first_who_fails_fails_alone(order: tuple[int, ...]) -> None:
    ends = [Event() for _ in order]
    before = dict(zip(order[1:], order, strict=False))

    def handle(record: Record) -> None:
        at = int(record.body)
        if at in before:
            assert ends[before[at]].wait(LIMIT_S)
        ends[at].set()
        if at == 2:
            raise RuntimeError

    answers: list[dict[str, Any]] = []
    bounded(
        lambda: answers.append(process_batch(batch([str(at) for at in sorted(order)]), handle, concurrency=CONCURRENCY))
    )
    assert failures(answers[0]) == ["m2"]


@pytest.mark.parametrize("error", [each for each in RAISED if not issubclass(each, Exception)])
@pytest.mark.parametrize("at", [0, 5, 9])
def test_by_threads_too_what_ends_the_process_ends_the_batch(error: type[BaseException], at: int) -> None:
    finished: list[bool] = []

    def handle(record: Record) -> None:
        if record.message_id == f"m{at}":
            raise error

    def finish() -> tuple[()]:
        finished.append(True)
        return ()

    with pytest.raises(error):
        bounded(lambda: process_batch(batch(["x"] * 10), handle, finish, concurrency=4))
    assert not finished


def test_one_message_alone_is_handled_by_the_caller_and_as_alone() -> None:
    seen: list[tuple[bool, Thread]] = []
    process_batch(batch(["x"]), lambda record: seen.append((record.serial, current_thread())), concurrency=4)
    assert seen == [(True, current_thread())]


def test_what_cannot_be_handled_alone_either_fails() -> None:
    def handle(_: Record) -> None:
        raise DeferToSerialError

    answers: list[dict[str, Any]] = []
    bounded(lambda: answers.append(process_batch(batch(["x", "x"]), handle, concurrency=2)))
    assert failures(answers[0]) == ["m0", "m1"]
