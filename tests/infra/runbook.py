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
    """One heading of the chapter: the alarms that it names with their severities, and which of the parts it has."""

    heading: str
    alarms: dict[str, str]
    parts: tuple[str, ...]


def anchor(heading: str) -> str:
    """The fragment that a heading gets where Markdown is shown: small letters, hyphens, no punctuation."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def entries(page: str) -> dict[str, Entry]:
    """The entries of the chapter, by anchor."""
    chapter = re.split(r"^## ", page, flags=re.MULTILINE)
    (text,) = [each for each in chapter if each.startswith(f"{CHAPTER}\n")]
    found = [_entry(section) for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]]
    return {anchor(entry.heading): entry for entry in found}


def read() -> str:
    """The page."""
    return (ROOT / PAGE).read_text()


def _entry(section: str) -> Entry:
    heading, _, body = section.partition("\n")
    named = body.strip().partition("\n\n")[0]
    return Entry(
        heading=heading,
        alarms=dict(re.findall(r"`(\w+)`\s+\((page|ticket)\)", named)),
        parts=tuple(re.findall(r"^\*\*(\w+)\.\*\*", body, flags=re.MULTILINE)),
    )
