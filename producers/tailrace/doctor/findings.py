"""Findings: the result of a check, with what was seen and the command that fixes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a finding is to be taken."""

    OK = "OK"
    WARN = "WARN"
    """The pipeline works, but somebody should act."""
    FAIL = "FAIL"
    """The pipeline does not work, or the deployment would fail."""
    CANNOT_TELL = "cannot tell"
    """The identity may not look, or AWS gave no answer. Never means that all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report."""

    status: Status
    seen: str
    """The observation, in one sentence."""
    command: str = ""
    """The command that fixes it or shows more; empty when there is none."""
    advice: str = ""
    """Advice where a command is not enough."""
    details: tuple[str, ...] = ()
    """Lines of evidence: reasons from events, the end of a log."""
    check: str = ""
    """Name of the check; the runner sets it."""


def ok(seen: str, *, command: str = "") -> Finding:
    """Return a finding that needs nobody."""
    return Finding(status=Status.OK, seen=seen, command=command)


def warn(seen: str, *, command: str = "", advice: str = "", details: Sequence[str] = ()) -> Finding:
    """Return a finding on which somebody should act."""
    return Finding(status=Status.WARN, seen=seen, command=command, advice=advice, details=tuple(details))


def fail(seen: str, *, command: str = "", advice: str = "", details: Sequence[str] = ()) -> Finding:
    """Return a finding with which nothing works."""
    return Finding(status=Status.FAIL, seen=seen, command=command, advice=advice, details=tuple(details))


def cannot_tell(seen: str, *, command: str = "", advice: str = "") -> Finding:
    """Return a finding of which nothing is known."""
    return Finding(status=Status.CANNOT_TELL, seen=seen, command=command, advice=advice)


def problems_or(found: Iterable[Finding], all_well: str, *, command: str = "") -> list[Finding]:
    """Return the findings that are not OK; without any, the one finding ``all_well``."""
    problems = [each for each in found if each.status is not Status.OK]
    return problems or [ok(all_well, command=command)]
