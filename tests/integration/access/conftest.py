"""A deployed cloud that enforces IAM, with a job that a producer ran on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tailrace_local.cloud.iam.access_log import Decision, read_decisions
from tailrace_local.testing import RunningCloud, running_cloud
from tests.integration.access.exercise import finished_job
from tests.integration.access.grants import Holder, holders
from tests.integration.access.identities import Person, person
from tests.integration.access.steps.sources import LAKE, SOURCE_KEYS, make_lake
from tests.tools import skipped_without_tools


@dataclass(frozen=True)
class Exercised:
    """The grants of a deployed stack, and a finished job with rejected rows."""

    holders: dict[str, Holder]
    producer: Person
    finished_job: str
    decisions: list[Decision]
    """The requests until that job finished."""


@pytest.fixture(scope="package")
def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """The pipeline with transform jobs and an inbox on a cloud of its own, under a customer's key.

    Skips without tools, but not in CI.
    """
    state = tmp_path_factory.mktemp("access") / "state"
    with (
        skipped_without_tools(),
        running_cloud(
            state,
            parameters={
                "CustomerManagedKey": "true",
                "BatchTransform": "true",
                "Inbox": "true",
                "SourceArns": f"arn:aws:s3:::{LAKE}/landing/*",
                "SourceBucketArns": f"arn:aws:s3:::{LAKE}",
                "SourceKeyArns": SOURCE_KEYS,
            },
            enforce_iam=True,
        ) as running,
    ):
        make_lake(running)
        yield running


@pytest.fixture(scope="package")
def exercised(enforcing: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exercised]:
    """Run a job as a user with the producer's policy and no other."""
    with person(enforcing, "producer", enforcing.outputs["ProducerPolicy"]) as producer:
        finished = finished_job(enforcing, producer, tmp_path_factory.mktemp("exercise"))
        yield Exercised(holders(enforcing), producer, finished, read_decisions(enforcing.state_dir)[0])
