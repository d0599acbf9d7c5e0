"""A deployed cloud for fault plans, which are cleared after each test.

It is not the cloud of the other tests: there, a message whose function was killed stays hidden for
minutes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.deployed.faulty_cloud import faulty_cloud
from tests.faults.deployed.rounds import RoundRunner
from tests.tools import skipped_without_tools


@pytest.fixture(scope="package")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoundRunner]:
    folder = tmp_path_factory.mktemp("faults")
    with skipped_without_tools(), faulty_cloud(folder / "state") as driver:
        yield RoundRunner(driver, folder)
