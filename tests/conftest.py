"""The local cloud with the pipeline on it, one for all tests of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tailrace_local.errors import MissingToolError
from tailrace_local.testing import RunningCloud, running_cloud

# The same examples in every run of CI, so that a change is judged by what it changed; new ones everywhere else. How
# long an example takes says nothing on a machine that does other things too.
settings.register_profile("tailrace", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("tailrace")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """The deployed cloud; a test that uses it carries `@pytest.mark.cloud`. Skips without tools, but not in CI.

    IAM is enforced: functions and endpoint can do what the template's roles allow and nothing else.
    """
    try:
        with running_cloud(tmp_path_factory.mktemp("cloud") / "state", enforce_iam=True) as running:
            yield running
    except MissingToolError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
