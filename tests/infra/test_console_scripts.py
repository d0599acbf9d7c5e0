"""The scripts of the console: our own, and a copy of the locked uPlot."""

from __future__ import annotations

import json
import os
import re

import pytest

from tests.infra.templates import ROOT

STATIC = ROOT / "producers/tailrace/console/static"
PACKAGE = ROOT / ".tools/npm/node_modules/uplot"
COPIES = {
    "uPlot.iife.min.js": "dist/uPlot.iife.min.js",
    "uPlot.min.css": "dist/uPlot.min.css",
    "uPlot.LICENSE": "LICENSE",
}


def test_the_package_holds_no_other_script() -> None:
    assert {path.name for path in STATIC.iterdir()} == {*COPIES, "console.js", "console.css", "icon.svg"}
    templates = (STATIC.parent / "templates").rglob("*.html")
    scripts = {each for path in templates for each in re.findall(r"<script[^>]*>", path.read_text())}
    assert {re.sub(r' nonce="{{ nonce }}"', "", each) for each in scripts} == {
        '<script src="/static/uPlot.iife.min.js" defer>',
        '<script src="/static/console.js" defer>',
    }


@pytest.mark.parametrize("name", COPIES)
def test_uplot_is_the_locked_package(name: str) -> None:
    locked = json.loads((ROOT / "infra/checks/package-lock.json").read_text())
    version = locked["packages"]["node_modules/uplot"]["version"]
    if not (PACKAGE / "package.json").exists():
        if os.environ.get("CI"):
            pytest.fail("uPlot is not installed: run `make setup`")
        pytest.skip("uPlot is not installed: run `make setup`")
    assert json.loads((PACKAGE / "package.json").read_text())["version"] == version
    assert (STATIC / name).read_bytes() == (PACKAGE / COPIES[name]).read_bytes()
    assert version in (ROOT / "docs/console.md").read_text()
