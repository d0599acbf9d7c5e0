"""The local cloud with the pipeline on it, one for all tests of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tailrace_local.errors import MissingToolError
from tailrace_local.testing import RunningCloud, running_cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """The deployed cloud; a test that uses it carries `@pytest.mark.cloud`. Skips without tools, but not in CI."""
    try:
        with running_cloud(tmp_path_factory.mktemp("cloud") / "state") as running:
            yield running
    except MissingToolError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
