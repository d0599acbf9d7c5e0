"""The steps of single columns as polars expressions over the raw fields of records."""

from __future__ import annotations

import csv
import re

from tailrace.models.prepare.polars_extra import pl
from tailrace.models.prepare.raw_tables import RawTable
from tailrace.models.prepare.recipes.recipe import ColumnSteps, OnError

_REGULAR_QUOTED = r'^"(?:[^"]|"")*"$'
_NEEDS_QUOTES = r'[,"\r\n]'


class CellSteps:
    """The steps of the column at one place.

    ``decimal`` is the input's decimal separator, and ``thousands`` the character between groups of
    three digits, if there is one. ``is_last`` means the last column of the input;
    ``is_alone`` that no other column is written: an empty cell is written as ``""`` then, for CSV
    readers skip a blank line.

    The expressions are evaluated in the order of the methods; each step names its columns for the
    next. An empty field is null or an empty text.
    """

    def __init__(
        self,
        place: int,
        name: str,
        steps: ColumnSteps,
        *,
        decimal: str,
        thousands: str | None,
        is_last: bool,
        is_alone: bool,
    ) -> None:
        self.place = place
        self.name = name
        self.steps = steps
        self._decimal = decimal if steps.number else "."
        self._thousands = thousands if steps.number else None
        self._is_last = is_last
        self._is_alone = is_alone
        self._raw = str(place)
        self.content = f"content {place}"
        """The field without its quotes."""
        self.text = f"text {place}"
        """The value after ``strip``."""
        self.number = f"number {place}"
        self.missing = f"missing {place}"
        self.wrong = f"wrong {place}"
        """True for a value that is not the number that it should be."""
        self.null = f"null {place}"
        """True for a value that is missing, or wrong and counts as missing."""
        self.changed = f"changed {place}"
        """True for any other value that is written otherwise than it was read."""

    def contents(self, table: RawTable) -> pl.Series:
        """Return the contents of the raw fields."""
        fields = table.frame.get_column(self._raw)
        if table.line_mark and self._is_last:
            fields = fields.str.strip_suffix(table.line_mark)
        return (_unquoted(fields) if table.has_quotes else fields).alias(self.content)

    def texts(self) -> pl.Expr:
        """Return the values."""
        content = pl.col(self.content)
        return (content.str.strip_chars() if self.steps.strip else content).alias(self.text)

    def numbers(self) -> list[pl.Expr]:
        """Return which values are missing, and the numbers."""
        text = pl.col(self.text)
        missing = text.str.len_bytes().fill_null(0) == 0
        if self.steps.na:
            missing |= text.is_in(list(self.steps.na)).fill_null(value=False)
        found = [missing.alias(self.missing)]
        if self.steps.number:
            number = self._plain().cast(pl.Float64, strict=False)
            if self._decimal != ".":
                # A point separates no decimals then: 1.500 may be meant as 1500.
                number = pl.when(~self._ungrouped().str.contains(".", literal=True)).then(number)
            found.append(number.alias(self.number))
        return found

    def findings(self) -> list[pl.Expr]:
        """Return which values are wrong, null and changed."""
        missing = pl.col(self.missing)
        right, wrong = ~missing, pl.lit(value=False)
        if self.steps.number:
            number = pl.col(self.number)
            is_number = number.is_finite().fill_null(value=False) if self.steps.finite else number.is_not_null()
            right &= is_number
            wrong = ~(missing | is_number)
        null = ~right if self.steps.on_error is OnError.NULL else missing
        # Stripping makes a text shorter or leaves it as it is.
        changed = pl.lit(value=False)
        if self.steps.strip:
            changed = right & (pl.col(self.text).str.len_bytes() != pl.col(self.content).str.len_bytes())
        if self._decimal != ".":
            changed |= right & pl.col(self.text).str.contains(self._decimal, literal=True)
        if self._thousands is not None:
            changed |= right & pl.col(self.text).str.contains(self._thousands, literal=True)
        return [wrong.alias(self.wrong), null.alias(self.null), changed.fill_null(value=False).alias(self.changed)]

    def erased(self) -> pl.Expr:
        """Return which null values are written otherwise than they were read."""
        null = pl.col(self.null)
        if self.steps.fill is not None:
            return null
        # An empty field may be written in two ways, and stays as it is.
        return null & (pl.col(self.content).str.len_bytes().fill_null(0) != 0)

    def written(self, table: RawTable) -> pl.Expr:
        """Return the fields to write: raw ones where nothing changes.

        A wrong value that does not count as missing stays as it is; its row is rejected.
        """
        raw = pl.col(self._raw)
        if table.line_mark and self._is_last:
            raw = raw.str.strip_suffix(table.line_mark)
        text = self._plain()
        if table.has_quotes:
            doubled = '"' + text.str.replace_all('"', '""', literal=True) + '"'
            text = pl.when(text.str.contains(_NEEDS_QUOTES)).then(doubled).otherwise(text)
        fill = pl.lit(_quoted(self.steps.fill or ""))
        field = pl.when(self.erased()).then(fill).when(pl.col(self.changed)).then(text).otherwise(raw)
        if self._is_alone:
            field = pl.when(field.str.len_bytes().fill_null(0) == 0).then(pl.lit('""')).otherwise(field)
        return field.alias(self._raw)

    def _plain(self) -> pl.Expr:
        """Return the values as they are written: without thousands separators, with a point."""
        text = self._ungrouped()
        return text if self._decimal == "." else text.str.replace(self._decimal, ".", literal=True)

    def _ungrouped(self) -> pl.Expr:
        """Return the values, those in groups of three digits without the separators."""
        text = pl.col(self.text)
        if self._thousands is None:
            return text
        grouped = text.str.contains(grouped_digits(self._thousands, self._decimal))
        joined = text.str.replace_all(self._thousands, "", literal=True)
        return pl.when(grouped).then(joined).otherwise(text)


def grouped_digits(thousands: str, decimal: str) -> str:
    """Return the pattern of a number with digits in groups of three, such as 1,234,567.89."""
    return rf"^[+-]?[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+(?:{re.escape(decimal)}[0-9]*)?$"


def _quoted(text: str) -> str:
    """Return a text as a field of CSV."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def _unquoted(fields: pl.Series) -> pl.Series:
    """Return the contents of fields, as Python's `csv` reads them."""
    quoted = fields.str.starts_with('"').fill_null(value=False)
    if not quoted.any():
        return fields
    inner = fields.str.strip_prefix('"').str.strip_suffix('"').str.replace_all('""', '"', literal=True)
    contents = inner.zip_with(quoted, fields)
    odd = (quoted & ~fields.str.contains(_REGULAR_QUOTED).fill_null(value=True)).arg_true()
    return contents if odd.is_empty() else contents.scatter(odd, [_content(field) for field in fields.gather(odd)])


def _content(field: str) -> str:
    """Return the content of a field with quotes in odd places, such as ``"a"b``."""
    rows = list(csv.reader([field]))
    return rows[0][0] if rows and rows[0] else ""
