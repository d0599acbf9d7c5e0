"""A deployed cloud to misbehave, by a plan that is cleared after each test.

Not the cloud of the other tests: a message whose function was killed stays hidden for the queue's visibility timeout.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from tailrace import Tailrace
from tailrace_local.errors import MissingToolError
from tailrace_local.fault_admin import FaultAdmin
from tailrace_local.testing import RunningCloud, running_cloud
from tests.faults.deployed.passing_time import Watch


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(running_cloud(tmp_path_factory.mktemp("faults") / "state", enforce_iam=True))
        except MissingToolError as missing:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(missing))
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
