"""The local cloud with a small application of its own on it: these tests are about the cloud, not the pipeline."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailrace_local.errors import MissingToolError
from tailrace_local.testing import RunningCloud, running_cloud

APPLICATION = Path(__file__).parent / "fixtures" / "app" / "template.yaml"


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    try:
        with running_cloud(tmp_path_factory.mktemp("application") / "state", template=APPLICATION) as running:
            yield running
    except MissingToolError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
