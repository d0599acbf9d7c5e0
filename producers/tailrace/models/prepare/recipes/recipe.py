"""Recipes: what to do with each column of a raw table.

Keys and values are those of the file, see docs/preparing.md. Every column goes by its name in the
input; ``rename`` is applied last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MEDIAN, MODE = "median", "mode"
FITTED_FILLS = frozenset({MEDIAN, MODE})
"""Values of ``fill`` that are computed from the data."""
DEFAULT_ENCODING = "utf-8"


class OnError(StrEnum):
    """Treatment of a cell that is not the number that it should be."""

    NULL = "null"
    """It counts as missing."""
    REJECT = "reject"
    """Its row is rejected, with the reason."""
    FAIL = "fail"
    """The preparation stops there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSteps:
    """The steps of one column, in the order in which they are applied."""

    strip: bool = False
    """Remove blanks around the value."""
    na: tuple[str, ...] = ()
    """Values that count as missing, after ``strip``; an empty cell always does."""
    number: bool = False
    """Require a number (``to = "number"``)."""
    finite: bool = True
    """Take infinities, NaN and numbers over the range of float64 for errors."""
    on_error: OnError = OnError.REJECT
    fill: str | None = None
    """The text to write for a missing value, or ``median`` or ``mode``."""
    drop_if_null: bool = False
    """Leave out rows whose value is missing."""

    @property
    def is_fitted(self) -> bool:
        """True if the fill value has to be computed from data."""
        return self.fill in FITTED_FILLS


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDialect:
    """How the input is written."""

    header: bool = True
    delimiter: str = ","
    quote: str | None = '"'
    """None if no character quotes."""
    encoding: str = DEFAULT_ENCODING
    decimal: str = "."
    thousands: str | None = None
    """The character between groups of three digits of a number; None if there is none."""

    @property
    def is_native(self) -> bool:
        """True if the bytes are read as they are: UTF-8, separated by commas, quoted by ``"``."""
        return (self.delimiter, self.quote, self.encoding) == (",", '"', DEFAULT_ENCODING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to do with a table. ``where`` is the recipe's name, for messages."""

    where: str = "the recipe"
    input: InputDialect = InputDialect()
    columns: Mapping[str, ColumnSteps] = field(default_factory=dict)
    """Steps by column, by range of columns (``a:c``), or by ``*`` for all others."""
    select: tuple[str, ...] = ()
    """The columns to write, in this order; empty for all."""
    rename: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    """The column that the model predicts; rows to score need not have it."""
    fitted: Mapping[str, str] | None = None
    """The computed fill value of each column that needs one; None before they are computed."""

    @property
    def needs_fit(self) -> bool:
        """True if a fill value has to be computed from data first."""
        return self.fitted is None and any(each.is_fitted for each in self.columns.values())
