"""The local cloud with the pipeline on it, one for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tailrace_local.testing import RunningCloud, running_cloud
from tests.tools import skipped_without_tools

SOURCES = "tailrace-test-sources"
"""A bucket of remote jobs' sources."""


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """The deployed cloud with IAM enforced, and with an inbox.

    Functions, state machine and endpoint have the template's roles, no more.
    """
    sources = {"SourceArns": f"arn:aws:s3:::{SOURCES}/*", "SourceBucketArns": f"arn:aws:s3:::{SOURCES}"}
    parameters = {"Inbox": "true", "CuttingConcurrency": "4", **sources}
    state = tmp_path_factory.mktemp("cloud") / "state"
    with skipped_without_tools(), running_cloud(state, enforce_iam=True, parameters=parameters) as running:
        configuration = {"LocationConstraint": running.region}
        running.client("s3").create_bucket(Bucket=SOURCES, CreateBucketConfiguration=configuration)
        yield running
