"""The console's copy of the runbook: made of docs/operations.md, and as new.

``RUNBOOK=write`` makes it anew.
"""

from __future__ import annotations

import json
import os
import re

from markdown_it import MarkdownIt

from tests.infra import runbook
from tests.infra.templates import ROOT

COPY = ROOT / "producers/tailrace/console/runbook.json"
CHAPTERS = ("Parked chunks", "Dead letters", "A job that does not move")
"""Chapters beside that of the alarms, whose entries refer to them."""


def texts(page: str) -> dict[str, str]:
    """Return the texts of the entries and chapters by their headings."""
    chapters = dict(each.split("\n", 1) for each in re.split(r"^## ", page, flags=re.MULTILINE)[1:])
    entries = dict(each.split("\n", 1) for each in re.split(r"^### ", chapters["Alarms"], flags=re.MULTILINE)[1:])
    return {**entries, **{heading: chapters[heading] for heading in CHAPTERS}}


def html(text: str, known: set[str]) -> str:
    """Return Markdown as HTML; links lead to entries, and others are left out."""

    def link(match: re.Match[str]) -> str:
        words, target = match[1], match[2]
        return f"[{words}](/runbook{target})" if target.removeprefix("#") in known else words

    made = str(
        MarkdownIt("commonmark", {"html": False}).enable("table").render(re.sub(r"\[([^]]+)\]\(([^)]+)\)", link, text))
    )
    return made.replace("<pre>", '<pre tabindex="0" aria-label="Commands">').strip()


def copy() -> str:
    found = texts(runbook.read())
    known = {runbook.anchor(heading) for heading in found}
    entries = [
        {"anchor": runbook.anchor(heading), "heading": heading, "html": html(text, known)}
        for heading, text in found.items()
    ]
    return json.dumps(entries, ensure_ascii=False, indent=1) + "\n"


def test_the_copy_is_made_of_the_page() -> None:
    if os.environ.get("RUNBOOK") == "write":
        COPY.write_text(copy())
    assert COPY.read_text() == copy(), "run this test with RUNBOOK=write"


def test_the_copy_holds_every_entry_and_no_link_leads_out() -> None:
    entries = json.loads(COPY.read_text())
    assert {each["anchor"] for each in entries} >= set(runbook.entries(runbook.read()))
    links = {link for each in entries for link in re.findall(r'href="([^"]*)"', each["html"])}
    assert links
    assert links <= {f"/runbook#{each['anchor']}" for each in entries}
