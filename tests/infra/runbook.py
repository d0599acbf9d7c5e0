"""The runbook of the alarms in docs/operations.md, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.infra.templates import ROOT

PAGE = "docs/operations.md"
CHAPTER = "Alarms"
PARTS = ("Means", "Look", "Do", "Over")


@dataclass(frozen=True)
class Entry:
    """One section of the chapter: its alarms with their severities, and its parts."""

    heading: str
    alarms: dict[str, str]
    parts: tuple[str, ...]


def anchor(heading: str) -> str:
    """Return a heading's fragment in rendered Markdown: lower case, hyphens, no punctuation."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def entries(page: str) -> dict[str, Entry]:
    """Return the entries of the chapter, by anchor."""
    chapter = re.split(r"^## ", page, flags=re.MULTILINE)
    (text,) = [each for each in chapter if each.startswith(f"{CHAPTER}\n")]
    found = [_entry(section) for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]]
    return {anchor(entry.heading): entry for entry in found}


def read() -> str:
    """Return the text of the page."""
    return (ROOT / PAGE).read_text()


def _entry(section: str) -> Entry:
    heading, _, body = section.partition("\n")
    named = body.strip().partition("\n\n")[0]
    return Entry(
        heading=heading,
        alarms=dict(re.findall(r"`(\w+)`\s+\((page|ticket)\)", named)),
        parts=tuple(re.findall(r"^\*\*(\w+)\.\*\*", body, flags=re.MULTILINE)),
    )
