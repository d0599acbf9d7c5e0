"""The deployed cloud, misbehaving by a plan that is cleared after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tailrace import Tailrace
from tailrace_local.fault_admin import FaultAdmin
from tailrace_local.testing import RunningCloud
from tests.faults.deployed.passing_time import Watch


@pytest.fixture
def faults(cloud: RunningCloud) -> Iterator[FaultAdmin]:
    admin = FaultAdmin(cloud.endpoint_url)
    yield admin
    admin.clear()


@pytest.fixture
def watch(cloud: RunningCloud) -> Iterator[Watch]:
    with Tailrace(cloud.facts.stack, session=cloud.session(), endpoint_url=cloud.endpoint_url) as client:
        yield Watch(cloud, client)
