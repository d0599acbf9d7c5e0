"""A deployed cloud to misbehave, by a plan that is cleared after each test.

Not the cloud of the other tests: a message whose function was killed stays hidden for the queue's visibility timeout.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tailrace import Tailrace
from tailrace_local.fault_admin import FaultAdmin
from tailrace_local.testing import RunningCloud, running_cloud
from tests.faults.deployed.passing_time import Watch
from tests.tools import skipped_without_tools


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with (
        skipped_without_tools(),
        running_cloud(tmp_path_factory.mktemp("faults") / "state", enforce_iam=True) as running,
    ):
        yield running


@pytest.fixture
def faults(cloud: RunningCloud) -> Iterator[FaultAdmin]:
    admin = FaultAdmin(cloud.own_url)
    yield admin
    admin.clear()


@pytest.fixture
def watch(cloud: RunningCloud) -> Iterator[Watch]:
    with Tailrace(cloud.facts.stack, session=cloud.session(), endpoint_url=cloud.endpoint_url) as client:
        yield Watch(cloud, client)
