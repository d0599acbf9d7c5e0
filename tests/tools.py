"""Tests that need the tools of the local cloud."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tailrace_local.errors import MissingToolError


@contextmanager
def skipped_without_tools() -> Iterator[None]:
    """Where a tool for what the block starts is missing, the tests are skipped; in CI they fail."""
    try:
        yield
    except MissingToolError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
