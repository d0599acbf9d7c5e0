"""A Chromium for the console's tests, and its keeper of screenshots."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import controlled_browser

ROOT = Path(__file__).parents[3]
SCREENSHOTS = ROOT / ".tailrace" / "screenshots"
"""Where the pages' pictures stay after a run."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with controlled_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script of axe-core; without the locked package, skip the test, or fail it in CI."""
    script = ROOT / ".tools/npm/node_modules/axe-core/axe.min.js"
    if not script.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{script} is missing: run `make setup`")
        pytest.skip("axe-core is not installed: run `make setup`")
    return script.read_text()
