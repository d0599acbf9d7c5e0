"""Columns by name: single names, ranges of names, and ``*`` for all the others."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tailrace_core.errors import InputError

ALL = "*"
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ChosenColumns:
    """Positions (0-based) of the columns that a list of names chooses, in its order."""

    named: tuple[int, ...]
    """The columns named singly or by a range."""
    others: tuple[int, ...] = ()
    """The columns that ``*`` stands for: all that are not named, in the input's order."""
    named_before: int = 0
    """How many of the named columns stand before the ``*``."""

    def ordered(self, without: AbstractSet[int] = frozenset()) -> tuple[int, ...]:
        """Return all of them in the list's order, the others at the place of the ``*``.

        Those of the others that are in ``without`` are left out.
        """
        others = (position for position in self.others if position not in without)
        return (*self.named[: self.named_before], *others, *self.named[self.named_before :])


def choose(columns: Sequence[str], names: Sequence[str], wish: str) -> ChosenColumns:
    """Find the columns that ``names`` choose; ``wish`` is the option's name, for errors.

    ``a:c`` are the columns from ``a`` to ``c`` in the input's order, ``a:`` is
    that column and all behind it, ``:c`` all up to it. A column that is called so itself takes
    precedence.

    Raises:
        InputError: a column is unknown or named twice, or a range runs backwards.
    """
    known = {name: position for position, name in enumerate(columns)}
    named: list[int] = []
    before: int | None = None
    for name in names:
        # A list may be written with spaces after its commas; a column that really has them takes
        # precedence.
        clean = name if name in known else name.strip()
        if clean == ALL and ALL not in known:
            before = len(named) if before is None else before
            continue
        for position in _positions(columns, known, clean, wish):
            if position in named:
                raise InputError(f"{wish} names column {columns[position]!r} twice: name it once")
            named.append(position)
    if before is None:
        return ChosenColumns(tuple(named))
    others = tuple(position for position in range(len(columns)) if position not in {*named})
    return ChosenColumns(tuple(named), others, before)


def _positions(columns: Sequence[str], known: dict[str, int], name: str, wish: str) -> Sequence[int]:
    if name in known:
        return [known[name]]
    for first, last in _ends(name):
        if first in known | {"": 0} and last in known | {"": 0} and first + last:
            start = known[first] if first else 0
            stop = known[last] if last else len(columns) - 1
            if start > stop:
                raise InputError(f"{wish} names the columns {name!r}, but {last!r} stands before {first!r}: swap them")
            return range(start, stop + 1)
    raise InputError(f"no column {name!r}, which {wish} names{_hint(known, name)}; the columns are {listed(columns)}")


def _hint(known: dict[str, int], name: str) -> str:
    """Return how a range is written if ``name`` looks like one: ``a-c``, ``a..c``."""
    for mark in ("..", "-"):
        for at in range(1, len(name) - len(mark)):
            first, last = name[:at], name[at + len(mark) :]
            if name[at : at + len(mark)] == mark and first in known and last in known:
                return f" (a range is written {first}:{last})"
    return ""


def _ends(name: str) -> list[tuple[str, str]]:
    """Return each way to read a name as a range: names of columns may hold colons too."""
    return [(name[:at], name[at + 1 :]) for at, character in enumerate(name) if character == ":"]


def listed(columns: Sequence[str]) -> str:
    """List names for a message, at most fifty."""
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    return ", ".join(map(repr, columns[:_SHOWN])) + more
