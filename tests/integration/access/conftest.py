"""A deployed cloud in which IAM is enforced, and everything done on it once with the producer's policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tailrace_local.cloud.access import Decision, read_decisions
from tailrace_local.testing import RunningCloud, running_cloud
from tests.integration.access.exercise import Exercise
from tests.integration.access.grants import Holder, holders
from tests.integration.access.identities import Person, person
from tests.tools import skipped_without_tools


@dataclass(frozen=True)
class Exercised:
    """What was asked while everything was done, by whom."""

    holders: dict[str, Holder]
    decisions: list[Decision]
    producer: Person
    finished_job: str

    def asked(self, holder: Holder) -> list[Decision]:
        """What a role asked, or the holder of a managed policy."""
        arn = self.producer.arn if holder.name == "ProducerPolicy" else holder.arn
        return [decision for decision in self.decisions if decision.principal == arn]


@pytest.fixture(scope="package")
def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """The pipeline on a cloud of its own, under a customer's key. Skips without tools, but not in CI."""
    state = tmp_path_factory.mktemp("access") / "state"
    with (
        skipped_without_tools(),
        running_cloud(state, parameters={"CustomerManagedKey": "true"}, enforce_iam=True) as running,
    ):
        yield running


@pytest.fixture(scope="package")
def producer(enforcing: RunningCloud) -> Iterator[Person]:
    """A user with the producer's policy and no other."""
    with person(enforcing, "producer", enforcing.outputs["ProducerPolicy"]) as found:
        yield found


@pytest.fixture(scope="package")
def exercised(enforcing: RunningCloud, producer: Person, tmp_path_factory: pytest.TempPathFactory) -> Exercised:
    """Everything done once; any step that fails fails the tests that ask for this."""
    finished = Exercise(enforcing, producer, tmp_path_factory.mktemp("exercise")).everything()
    decisions, _ = read_decisions(enforcing.state_dir)
    return Exercised(holders(enforcing), decisions, producer, finished)
