"""The tests' tests: bugs planted on purpose are found, each by one of the suite's own methods."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.faults import model
from tests.faults.bugs import BUGS
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.functions import Rewire, as_it_is
from tests.faults.injection import Schedule
from tests.faults.memory_aws import cloud as names
from tests.faults.scenarios import SCENARIOS
from tests.faults.test_crash_points import faults_of
from tests.faults.test_interleavings import (
    opened,
    play,
    second_attempt,
    success_and_rejection_of_two_attempts,
    taken,
)

SWEPT = ("all good", "one poison row", "transient errors")


def objections(rewire: Rewire) -> Iterator[str]:
    """What the suite's methods say, one after the other, as long as somebody asks."""
    yield from _windowed(rewire)
    yield from _stale_failure(rewire)
    yield from _interleaved(rewire)
    yield from _swept(rewire)


def _swept(rewire: Rewire) -> Iterator[str]:
    for name in SWEPT:
        scenario = SCENARIOS[name]
        for fault in (None, *faults_of(scenario)):
            try:
                scenario.run(Schedule(() if fault is None else (fault,)), rewire=rewire)
            except AssertionError as exc:
                yield f"{name}, {fault}: {exc}"


def _windowed(rewire: Rewire) -> Iterator[str]:
    try:
        SCENARIOS["a window of one"].run(Schedule(), rewire=rewire)
    except AssertionError as exc:
        yield f"a window of one: {exc}"


def _stale_failure(rewire: Rewire) -> Iterator[str]:
    try:
        stale_failure(rewire)
    except AssertionError as exc:
        yield f"stale failure: {exc}"


def stale_failure(rewire: Rewire) -> None:
    data = Dataset.of(b"1")
    world, job_id = opened(data, rewire=rewire)
    world.endpoint.fail_with = model.BAD_REQUEST
    second_attempt(world, job_id)
    world.endpoint.process()
    world.endpoint.fail_with = None
    (failure,) = taken(world, names.FAILED)
    world.cloud.sqs.send_message(QueueUrl=names.FAILED, MessageBody=failure)
    world.functions.deliver("handle_failures")
    world.drain()
    check(world, job_id, data)


def _interleaved(rewire: Rewire) -> Iterator[str]:
    for first, second in itertools.product(range(1, 30, 3), range(1, 30, 3)):
        try:
            play(lambda: success_and_rejection_of_two_attempts(rewire), first, second, swapped=True)
        except AssertionError as exc:
            yield f"after {first} and {second} calls: {exc}"


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: Rewire) -> None:
    found = next(objections(bug), None)
    assert found is not None


def test_without_a_bug_nobody_objects_to_a_stale_failure() -> None:
    stale_failure(as_it_is)
