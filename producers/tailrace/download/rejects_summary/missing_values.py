"""Values that rejected rows hold and scored rows do not: candidates for ``--na``."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

USUAL = frozenset({"", "#n/a", "-", "?", "inf", "-inf", "n/a", "na", "nan", "nil", "none", "null"})
"""The usual spellings of a missing value, in lower case."""

MIN_REJECTED = 3
MIN_SCORED = 10
_MAX_CHARS = 64
_MAX_UNUSUAL = 5


@dataclass(frozen=True, slots=True)
class MissingValues:
    """Values that explain rejected rows, and what was looked at."""

    tokens: tuple[str, ...]
    rejected_rows: int
    """Rejected rows looked at."""
    explained_rows: int
    """Rows among them that hold one of the tokens in a sent column."""
    scored_rows: int
    """Scored rows looked at, none of which holds a token; 0 if none could be read."""

    @property
    def option(self) -> str:
        """The option of a submit that rejects such rows before anything is sent."""
        # An empty value comes last; a comma alone names one twice, for nothing would name none.
        return f"--na {shlex.quote(','.join(sorted(self.tokens, reverse=True)) or ',')}"


def find_missing_values(rejected: Sequence[Collection[str]], scored: Sequence[Collection[str]]) -> MissingValues | None:
    """Return the values that tell rejected rows from scored ones; None if there are none.

    ``rejected`` and ``scored`` hold, for each row looked at, its values in the columns sent. A
    number is never such a value. Without enough scored rows only usual spellings of missing values
    are. One row suffices for a usual spelling, beside others; another value could be the row's own
    name.
    """
    if len(rejected) < MIN_REJECTED:
        return None
    checked = len(scored) >= MIN_SCORED
    absent = {token for row in scored for token in row}
    open_rows = [{token for token in row if token not in absent and _may_be(token, checked)} for row in rejected]
    tokens: list[str] = []
    while (token := _next(open_rows, tokens)) is not None:
        tokens.append(token)
        open_rows = [row for row in open_rows if token not in row]
    explained = len(rejected) - len(open_rows)
    if explained < max(MIN_REJECTED, len(rejected) / 2):
        return None
    return MissingValues(tuple(tokens), len(rejected), explained, len(scored) if checked else 0)


def _next(open_rows: Sequence[Collection[str]], tokens: Sequence[str]) -> str | None:
    """Return the value that most of the rows hold that no token explains yet; None for none."""
    unusual = sum(not _is_usual(token) for token in tokens)
    counts = Counter(token for row in open_rows for token in row)
    least = 2 if tokens else MIN_REJECTED
    found = [
        (-rows, not _is_usual(token), token)
        for token, rows in counts.items()
        if _is_usual(token) or (rows >= least and unusual < _MAX_UNUSUAL)
    ]
    return min(found)[2] if found else None


def _is_usual(token: str) -> bool:
    return token.strip().lower() in USUAL


def _may_be(token: str, checked: bool) -> bool:  # noqa: FBT001 - it is internal
    if not checked:
        return _is_usual(token)
    if len(token) > _MAX_CHARS or not token.isprintable() or any(each in token for each in ',"'):
        return False
    try:
        return not math.isfinite(float(token))
    except ValueError:
        return True
