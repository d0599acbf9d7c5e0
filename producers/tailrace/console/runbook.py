"""The runbook: a copy of chapters of docs/operations.md, which a test keeps equal."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class RunbookEntry:
    """One entry: what it means, where to look, what to do, when it is over."""

    anchor: str
    heading: str
    html: str
    """Its text as HTML, made of our own page: the one HTML that templates do not escape."""


@functools.cache
def entries() -> Mapping[str, RunbookEntry]:
    """Return the entries by anchor, in the order of the page."""
    text = files("tailrace.console").joinpath("runbook.json").read_text(encoding="utf-8")
    return {each["anchor"]: RunbookEntry(**each) for each in json.loads(text)}
