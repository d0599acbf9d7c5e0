"""The local cloud with a small application: these tests are about the cloud, not the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tailrace_local.testing import RunningCloud, running_cloud
from tests.tools import skipped_without_tools

APPLICATION = Path(__file__).parent / "fixtures" / "app" / "template.yaml"


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with (
        skipped_without_tools(),
        running_cloud(tmp_path_factory.mktemp("application") / "state", template=APPLICATION) as running,
    ):
        yield running
