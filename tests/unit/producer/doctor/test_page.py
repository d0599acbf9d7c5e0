"""The page docs/doctor.md lists every check with the actions that it reads.

``DOCTOR=write`` rewrites the tables.
"""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from tailrace.doctor.preflight.table import CHECKS as PREFLIGHT
from tailrace.doctor.stack.table import CHECKS as STACK
from tests.infra.templates import ROOT

PAGE = ROOT / "docs/doctor.md"
HEAD = "| check | looks at | reads |\n| -- | -- | -- |\n"


def _table(checks: tuple[Any, ...]) -> str:
    rows = [f"| `{each.name}` | {each.about} | {', '.join(each.reads) or 'nothing more'} |" for each in checks]
    return HEAD + "\n".join(rows) + "\n"


@pytest.mark.parametrize(("heading", "checks"), [("Before a deployment", PREFLIGHT), ("A deployed stack", STACK)])
def test_the_page_lists_every_check(heading: str, checks: tuple[Any, ...]) -> None:
    text = PAGE.read_text()
    section = re.search(rf"## {heading}\n.*?({re.escape(HEAD)}(?:\|[^\n]*\n)*)", text, re.DOTALL)
    assert section is not None
    if os.environ.get("DOCTOR") == "write":
        PAGE.write_text(text[: section.start(1)] + _table(checks) + text[section.end(1) :])
    else:
        assert section[1] == _table(checks)
