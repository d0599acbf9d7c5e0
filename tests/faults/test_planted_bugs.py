"""Tests of the tests: one of the suite's own methods finds each planted bug."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tailrace_core.submission.options import SubmitOptions
from tests.faults import model
from tests.faults.answering import PAGE_TEXT, SWAPPED, Answering
from tests.faults.bugs import BUGS
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.functions import Mutation, no_mutation
from tests.faults.injection import Schedule
from tests.faults.memory_aws import cloud as names
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.test_crash_points import faults_of
from tests.faults.test_interleavings import (
    play,
    second_attempt,
    start_job,
    success_and_rejection_of_two_attempts,
    take_messages,
)

_ECHOING = Answering(echoes=True)
ANSWERED = {
    "an error's text": Scenario(Dataset.of(PAGE_TEXT)),
    "two lines swapped": Scenario(
        Dataset.of(SWAPPED, b"v1", b"v2", answering=_ECHOING),
        SubmitOptions(keep="id", output_columns=_ECHOING.columns, output_type=_ECHOING.declared, echo="x"),
    ),
}
"""Answers of a wrong content or order."""
SWEPT = ("all good", "one poison row", "transient errors")


def objections(mutate: Mutation) -> Iterator[str]:
    """Yield the failures that the suite's methods find, lazily, one method after the other."""
    yield from _answered(mutate)
    yield from _windowed(mutate)
    yield from _stale_failure(mutate)
    yield from _interleaved(mutate)
    yield from _swept(mutate)


def _swept(mutate: Mutation) -> Iterator[str]:
    for name in SWEPT:
        scenario = SCENARIOS[name]
        for fault in (None, *faults_of(scenario)):
            try:
                scenario.run(Schedule(() if fault is None else (fault,)), mutate=mutate)
            except AssertionError as exc:
                yield f"{name}, {fault}: {exc}"


def _answered(mutate: Mutation) -> Iterator[str]:
    for name, scenario in ANSWERED.items():
        try:
            scenario.run(Schedule(), mutate=mutate)
        except AssertionError as exc:
            yield f"{name}: {exc}"


def _windowed(mutate: Mutation) -> Iterator[str]:
    try:
        SCENARIOS["a window of one"].run(Schedule(), mutate=mutate)
    except AssertionError as exc:
        yield f"a window of one: {exc}"


def _stale_failure(mutate: Mutation) -> Iterator[str]:
    try:
        stale_failure(mutate)
    except AssertionError as exc:
        yield f"stale failure: {exc}"


def stale_failure(mutate: Mutation) -> None:
    data = Dataset.of(b"1")
    sim, job_id = start_job(data, mutate=mutate)
    sim.endpoint.fail_with = model.BAD_REQUEST
    second_attempt(sim, job_id)
    sim.endpoint.process()
    sim.endpoint.fail_with = None
    (failure,) = take_messages(sim, names.FAILED)
    sim.cloud.sqs.send_message(QueueUrl=names.FAILED, MessageBody=failure)
    sim.functions.deliver("handle_failures")
    sim.drain()
    check(sim, job_id, data)


def _interleaved(mutate: Mutation) -> Iterator[str]:
    for first, second in itertools.product(range(1, 30, 3), range(1, 30, 3)):
        try:
            play(lambda: success_and_rejection_of_two_attempts(mutate), first, second, swapped=True)
        except AssertionError as exc:
            yield f"after {first} and {second} calls: {exc}"


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: Mutation) -> None:
    found = next(objections(bug), None)
    assert found is not None


def test_without_a_bug_there_is_no_objection_to_a_stale_failure() -> None:
    stale_failure(no_mutation)


@pytest.mark.parametrize("name", ANSWERED)
def test_without_a_bug_wrong_answers_end_correctly(name: str) -> None:
    ANSWERED[name].run(Schedule())
