"""One permission fewer breaks it: each action that a policy grants is taken away in turn, and its absence is felt.

Enumerated from the deployed policies, so that a new grant is tried without anybody adding it here. What is taken from
roles that do not hinder each other is taken at once.
"""

from __future__ import annotations

import functools
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tailrace_local.cloud.access import read_decisions
from tailrace_local.demand import COLUMNS
from tailrace_local.testing import RunningCloud
from tests.integration.access.conftest import Exercised
from tests.integration.access.exercise import Exercise
from tests.integration.access.grants import Grant, Holder, without
from tests.integration.access.test_grants import RARE, UNASKED, resource_name
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

_FELT_WITHIN_S = 30.0
_PLAN = {
    "rules": [
        {"when": {"row": "Misaligned"}, "do": {"kind": "spoil_output", "how": "drop_last"}},
        {"when": {"row": "Fails Always"}, "do": {"kind": "status", "status": 500}},
        {"when": {"row": "Unheard"}, "do": {"kind": "drop"}},
        {"when": {"row": "Refused Late"}, "do": {"kind": "slow", "seconds": 2}},
    ]
}


# Asked when a stack is made or a process starts, or beside the work: no job ends otherwise for want of them. That each
# is asked, and allowed by nothing else, is what `test_grants` shows.
BESIDE_THE_WORK = {"WriteLogs", "WriteMetrics", "PullImages", "LogInToEcr", "LearnWhatIsMissing"}
WHEN_A_STACK_IS_MADE = {"sqs:GetQueueAttributes"}


def actions(holder: Holder) -> list[str]:
    """What a holder is granted for its work, but for what nothing asks for here (`test_grants` gives the reasons)."""
    work = (grant for grant in holder.grants() if not unasked(grant) and grant.sid not in BESIDE_THE_WORK)
    return list(dict.fromkeys(grant.action for grant in work if grant.action not in WHEN_A_STACK_IS_MADE))


def unasked(grant: Grant) -> bool:
    """Whether nothing asks for this grant while everything is done."""
    key = (grant.holder, grant.sid, grant.action)
    return key in UNASKED or (*key, resource_name(grant.resource)) in RARE


class Removals:
    """Takes actions away from roles, lets work be done, and looks who is refused."""

    def __init__(self, cloud: RunningCloud, exercise: Exercise, folder: Path) -> None:
        self._cloud = cloud
        self._exercise = exercise
        self._folder = folder

    def unfelt(self, taken: Mapping[Holder, str], work: Callable[[], None]) -> list[str]:
        """The removals after which nobody was refused."""
        _, before = read_decisions(self._cloud.state_dir)
        with ExitStack() as stack:
            for holder, action in taken.items():
                stack.enter_context(self._without(holder, action))
            work()
            return self._missing({(holder.arn, action) for holder, action in taken.items()}, before)

    def _missing(self, expected: set[tuple[str, str]], offset: int) -> list[str]:
        deadline = time.monotonic() + _FELT_WITHIN_S
        missing = set(expected)
        while missing and time.monotonic() < deadline:
            decisions, offset = read_decisions(self._cloud.state_dir, offset)
            missing -= {(each.principal, each.action) for each in decisions if not each.allowed}
            time.sleep(0.1)
        return sorted(f"{arn} without {action}" for arn, action in missing)

    @contextmanager
    def _without(self, holder: Holder, action: str) -> Iterator[None]:
        self._put(holder, {name: without(document, action) for name, document in holder.policies.items()})
        try:
            yield
        finally:
            self._put(holder, holder.policies)

    def _put(self, holder: Holder, policies: Mapping[str, Mapping[str, Any]]) -> None:
        iam, role = self._cloud.client("iam"), holder.arn.rsplit("/", 1)[-1]
        for name, document in policies.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    def mixed(self) -> None:
        """A job with a chunk that succeeds, one that is split, a misaligned one, and one that keeps failing."""
        rows = [[f"k{index}", *row] for index, row in enumerate(demand_rows(8, seed=11))]
        rows[2][5] = "cheap"
        rows[4][3] = rows[5][3] = "Misaligned"
        rows[6][3] = rows[7][3] = "Fails Always"
        source = self._folder / "mixed.csv"
        source.write_bytes(csv_bytes(rows, header=("key", *COLUMNS)))
        done = self._exercise.run("submit", source, "--keep", "key", "--chunk-rows", "2", "--json")
        assert done.code == 0, done.stderr

    def refused_late(self) -> None:
        """A job whose one row is refused when its producer is done: HandleFailures is left to finish it."""
        source = self._exercise.rows("late.csv", "Refused Late", 1)
        source.write_bytes(source.read_bytes().replace(b".", b"cheap"))
        self._exercise.submitted(source)

    def overdue(self) -> None:
        """An answer that nobody heard of, and a job that is past its deadline; the reconciler looks at both."""
        jobs = [self._exercise.submitted(self._exercise.rows("unheard.csv", "Unheard")) for _ in range(2)]
        self._exercise.pass_deadline(jobs[1])
        for job in jobs:
            self._exercise.eventually(functools.partial(self._exercise.overdue, job), "the chunk's confirmation")
        for _ in range(2):
            self._exercise.tick()


@pytest.fixture(scope="module")
def removals(
    enforcing: RunningCloud, exercised: Exercised, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Removals]:
    folder = tmp_path_factory.mktemp("removals")
    exercise = Exercise(enforcing, exercised.producer, folder)
    with exercise.faults(_PLAN):
        yield Removals(enforcing, exercise, folder)


def rounds(exercised: Exercised, *names: str) -> Iterator[dict[Holder, str]]:
    """Each action of each holder once, one of each holder at a time."""
    held = [exercised.holders[name] for name in names]
    for taken in itertools.zip_longest(*(actions(holder) for holder in held)):
        yield {holder: action for holder, action in zip(held, taken, strict=True) if action}


def test_collecting_failing_and_reconciling_need_each_action(exercised: Exercised, removals: Removals) -> None:
    def work() -> None:
        removals.refused_late()
        removals.mixed()
        removals.overdue()

    unfelt: list[str] = []
    for taken in rounds(exercised, "CollectResultsRole", "HandleFailuresRole", "ReconcileJobsRole"):
        unfelt += removals.unfelt(taken, work)
    assert unfelt == []


def test_dispatching_needs_each_action(exercised: Exercised, removals: Removals) -> None:
    unfelt: list[str] = []
    for taken in rounds(exercised, "DispatchRetriesRole"):
        unfelt += removals.unfelt(taken, removals.mixed)
    assert unfelt == []


def test_the_endpoint_needs_each_action(exercised: Exercised, removals: Removals) -> None:
    unfelt: list[str] = []
    for taken in rounds(exercised, "EndpointRole"):
        unfelt += removals.unfelt(taken, removals.mixed)
    assert unfelt == []


def test_producing_needs_each_action(
    enforcing: RunningCloud, exercised: Exercised, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whoever lacks one is refused at that call; most commands end with exit code 1 there."""
    holder, iam = exercised.holders["ProducerPolicy"], enforcing.client("iam")
    folder = tmp_path_factory.mktemp("producing")
    name = exercised.producer.name
    unfelt = []
    iam.detach_user_policy(UserName=name, PolicyArn=holder.arn)
    try:
        for action in actions(holder):
            document = json.dumps(without(holder.document, action))
            iam.put_user_policy(UserName=name, PolicyName="Reduced", PolicyDocument=document)
            _, before = read_decisions(enforcing.state_dir)
            refused: set[str] = set()
            for step in _producing(Exercise(enforcing, exercised.producer, folder), exercised.finished_job):
                step()
                decisions, _ = read_decisions(enforcing.state_dir, before)
                mine = [each for each in decisions if each.principal == exercised.producer.arn]
                if refused := {each.action for each in mine if not each.allowed}:
                    break
            if refused != {action}:
                unfelt.append((action, refused))
    finally:
        iam.attach_user_policy(UserName=name, PolicyArn=holder.arn)
        iam.delete_user_policy(UserName=name, PolicyName="Reduced")
    assert unfelt == []


def _producing(exercise: Exercise, finished_job: str) -> list[Callable[[], Any]]:
    """Submit, list, read rejects; what fails for want of a permission is what is looked for."""
    source = exercise.rows("produced.csv", "Fruit Juice")
    source.write_bytes(source.read_bytes() + b"ragged\n" * 4)
    return [
        functools.partial(exercise.run, "submit", source, "--chunk-rows", "4", "--json"),
        functools.partial(exercise.run, "jobs", "--json"),
        functools.partial(exercise.run, "rejects", finished_job),
    ]
