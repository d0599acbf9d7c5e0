"""How all tests run: the same examples in every run of CI, and one local cloud at a time."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The same examples in every run of CI, so that a change is judged by what it changed; new ones everywhere else. How
# long an example takes says nothing on a machine that does other things too.
settings.register_profile("tailrace", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("tailrace")


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers, whatever needs a cloud goes to one of them, first of all, and other files to the rest.

    Two clouds at once would only take the processors from each other. Files stay whole: what a module sets up for its
    tests is set up once.
    """
    items.sort(key=lambda item: item.get_closest_marker("cloud") is None)
    for item in items:
        group = "cloud" if item.get_closest_marker("cloud") else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
