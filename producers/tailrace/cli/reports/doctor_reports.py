"""Findings of the doctor: text for people, JSON for machines."""

from __future__ import annotations

from typing import Any

from tailrace.cli.printable import printable
from tailrace.doctor.findings import Finding, Status

_STATUS_WIDTH = max(map(len, Status))
_CHECK_WIDTH = 22
_INDENT = " " * (_STATUS_WIDTH + 2)


def fields(finding: Finding) -> dict[str, Any]:
    """Return a finding as a JSON object."""
    return {
        "check": finding.check,
        "status": finding.status.value,
        "seen": finding.seen,
        "command": finding.command or None,
        "advice": finding.advice or None,
        "details": list(finding.details),
    }


def text(finding: Finding) -> str:
    """Return a finding as a line, with its details, advice and command on lines below."""
    first = f"{finding.status:<{_STATUS_WIDTH}}  {finding.check:<{_CHECK_WIDTH}}  {printable(finding.seen)}"
    below = [f"  | {printable(line)}" for line in finding.details]
    if finding.advice:
        below.append(printable(finding.advice))
    if finding.command:
        below.append(f"$ {printable(finding.command)}")
    return "\n".join([first, *(f"{_INDENT}{line}" for line in below)])
