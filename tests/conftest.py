"""Set-up of all tests: the same examples in every run of CI, and two local clouds at a time."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# The same examples in every run of CI, so that a change is judged by what it changed; new ones
# everywhere else. How long an example takes, to be made up or to be tried, says nothing on a
# machine that does other things too. EXAMPLES raises their number for a long run of one property.
settings.register_profile(
    "tailrace",
    max_examples=int(os.environ.get("EXAMPLES", "100")),
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tailrace")


CLOUDS = (
    ("tests/benchmarks/", "tests/faults/deployed/", "tests/integration/access/", "tests/integration/deployment/"),
    ("tests/integration/local/", "tests/integration/pipeline/"),
)
"""Folders whose tests share a cloud, one for each folder, in two halves that take about as long."""


def half_of(nodeid: str) -> int | None:
    """Return the half of the tests with a cloud to which a test belongs; None for the others."""
    return next((half for half, folders in enumerate(CLOUDS) if nodeid.startswith(folders)), None)


class TwoCloudsAtATime(LoadScopeScheduling):  # type: ignore[misc]  # without types
    """With several workers, give each half of the tests with a cloud to one, and each other file to any.

    These tests wait for half of their time. More than two clouds at once would only take the
    processors from each other.
    """

    def _split_scope(self, nodeid: str) -> str:
        half = half_of(nodeid)
        return nodeid.partition("::")[0] if half is None else f"clouds {half}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return TwoCloudsAtATime(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that share a cloud first, because they take longest."""
    strays = [item.nodeid for item in items if item.get_closest_marker("cloud") and half_of(item.nodeid) is None]
    if strays:
        raise pytest.UsageError(f"add the folder to CLOUDS in tests/conftest.py: {strays[0]} shares a cloud")
    items.sort(key=lambda item: len(CLOUDS) if (half := half_of(item.nodeid)) is None else half)
