"""Groups of reasons: texts that differ only in numbers, quoted values or addresses are one.

Missing values that the pre-flight check found are told apart by their tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_GROUPS = 1_000
"""Groups that are counted; the rows of further ones are counted together."""

MAX_REASON_CHARS = 300
"""Length of the example that stands for a group."""

OTHER = "other reasons"

_VARIABLE = re.compile(
    # The status of a container's answer tells groups apart, so it stays.
    r"""(?P<kept>error\ \([0-9]{3}\)|^missing\ value\ (?:'[^']*'|"[^"]*")(?=\ in\ column\ ))
    |"[^"]*"|'[^']*'|`[^`]*`
    |\b[a-z0-9]+://\S+|\barn:\S+
    |\b[0-9][\w.:+-]*""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    """Rejected rows with alike reasons."""

    reason: str
    """The first reason of the group, shortened."""
    rows: int
    varies: bool = False
    """True if other reasons of the group are not the same to the letter."""


class ReasonCounter:
    """Counts rows by alike reasons, in bounded memory."""

    def __init__(self) -> None:
        self._examples: dict[str, str] = {}
        self._rows: dict[str, int] = {}
        self._varying: set[str] = set()
        self.rows = 0
        """Rows counted."""

    def add(self, reason: str, rows: int = 1) -> None:
        """Count rows with this reason."""
        key = normalize_reason(reason)
        if key not in self._rows and len(self._rows) >= MAX_GROUPS:
            key = reason = OTHER
        shown = shorten(reason)
        if self._examples.setdefault(key, shown) != shown:
            self._varying.add(key)
        self._rows[key] = self._rows.get(key, 0) + rows
        self.rows += rows

    def most_frequent(self, limit: int) -> tuple[ReasonGroup, ...]:
        """Return the largest groups, largest first."""
        ranked = sorted(self._rows, key=lambda key: -self._rows[key])
        return tuple(ReasonGroup(self._examples[key], self._rows[key], key in self._varying) for key in ranked[:limit])


def normalize_reason(reason: str) -> str:
    """Replace what differs between rows with alike reasons: numbers, quoted values, addresses."""
    return _VARIABLE.sub(lambda match: match["kept"] or "…", reason[:4_096])


def shorten(reason: str) -> str:
    """Shorten a reason to one line."""
    line = " ".join(reason.split())
    return line if len(line) <= MAX_REASON_CHARS else line[: MAX_REASON_CHARS - 1] + "…"
