"""Set-up of all tests: the same examples in every run of CI, and one local cloud at a time."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# The same examples in every run of CI, so that a change is judged by what it changed; new ones
# everywhere else. How long an example takes, to be made up or to be tried, says nothing on a
# machine that does other things too.
settings.register_profile(
    "tailrace",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tailrace")


CLOUD = tuple(
    f"tests/{folder}/"
    for folder in (
        "benchmarks",
        "faults/deployed",
        "integration/access",
        "integration/deployment",
        "integration/local",
        "integration/pipeline",
    )
)
"""Folders whose tests share a cloud, one for each folder."""


class OneCloudAtATime(LoadScopeScheduling):  # type: ignore[misc]  # without types
    """With several workers, give all tests that share a cloud to one of them, and each other file to any.

    Two clouds at once would only take the processors from each other.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "cloud" if nodeid.startswith(CLOUD) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return OneCloudAtATime(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that share a cloud first, because they take longest."""
    strays = [item.nodeid for item in items if item.get_closest_marker("cloud") and not item.nodeid.startswith(CLOUD)]
    if strays:
        raise pytest.UsageError(f"add the folder to CLOUD in tests/conftest.py: {strays[0]} shares a cloud")
    items.sort(key=lambda item: not item.nodeid.startswith(CLOUD))
