"""A first recipe from the data, with comments that say why and how often each thing was seen."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING

from tailrace.models.prepare.dialects import origins
from tailrace.models.prepare.polars_extra import pl
from tailrace.models.prepare.preparing import cuts_of, open_source
from tailrace.models.prepare.raw_tables import RawTable
from tailrace.models.prepare.recipes.recipe import ColumnSteps, InputDialect, Recipe
from tailrace.models.prepare.steps.cells import CellSteps, grouped_digits
from tailrace_core.compression.decompression import BLOCK_BYTES, decompress
from tailrace_core.csv_text.records import split_records
from tailrace_core.records.cutting import Cut
from tailrace_core.records.preflight import Preflight

if TYPE_CHECKING:
    from tailrace.sources.names import Names
    from tailrace.sources.origins import Origin

MAX_ROWS = 1_000_000
"""Rows that are looked at."""
_DELIMITERS = (",", ";", "\t", "|")
_NUMBER_SHARE = 0.8
"""Share of the present values from which on a column is taken for numbers."""
_GROUPING = frozenset(",.' \u00a0\u202f\u2019")
"""Characters that programs put between groups of three digits."""
_SHOWN_VALUES = 5
_SHOWN_CHARS = 30
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_WORDS = frozenset({"", "-", "--", "n/a", "na", "nan", "nil", "none", "null", "?", "unknown", "missing", "#n/a"})
"""Values, in lower case, that people and programs write for a missing value."""


@dataclass(slots=True)
class ColumnFindings:
    """Counts of one column's cells."""

    rows: int = 0
    empty: int = 0
    padded: int = 0
    """Cells with blanks around their value."""
    numbers: int = 0
    not_finite: int = 0
    others: Counter[str] = field(default_factory=Counter)
    """Values that are no numbers, with their counts: the most frequent of each piece."""
    other_count: int = 0

    @property
    def is_numeric(self) -> bool:
        """True if the column is probably meant to hold numbers."""
        words = sum(count for value, count in self.others.items() if value.lower() in _WORDS)
        present = self.rows - self.empty - words
        return self.numbers > 0 and self.numbers >= _NUMBER_SHARE * present


def suggest(sources: Names, *, stdin: IO[bytes] | None = None, pattern: str | None = None) -> str:
    """Return a recipe in TOML for an input, from its first rows.

    Raises:
        InputError: the input cannot be read.
    """
    dialect = InputDialect()
    first = origins(sources, dialect, stdin=stdin, pattern=pattern)[0]
    if first.reopenable and not first.is_table:
        dialect = _dialect(_head(first))
    columns, findings, rows, whole = _look(sources, dialect, stdin, pattern)
    if dialect.delimiter != "," and _has_decimal_commas(findings):
        dialect = replace(dialect, decimal=",")
        columns, findings, rows, whole = _look(sources, dialect, stdin, pattern)
    thousands = _thousands(findings, dialect)
    if thousands is not None:
        dialect = replace(dialect, thousands=thousands)
        columns, findings, rows, whole = _look(sources, dialect, stdin, pattern)
    return "\n".join(_lines(dialect, columns, findings, rows, whole=whole)) + "\n"


def _head(origin: Origin) -> bytes:
    stream = origin.open()
    try:
        return next(decompress(iter(lambda: stream.read(BLOCK_BYTES), b""), origin.name), b"")
    finally:
        stream.close()


def _dialect(head: bytes) -> InputDialect:
    """Guess the encoding and the delimiter from the first bytes."""
    encoding = "utf-8"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in head[:2]:
        encoding = "utf-16-be" if head[0] == 0 else "utf-16-le"
    else:
        try:
            # The last character may be cut off.
            head[:-4].decode() if len(head) > BLOCK_BYTES // 2 else head.decode()
        except UnicodeDecodeError:
            encoding = "cp1252"
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    line = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=line.count)
    return InputDialect(delimiter=delimiter if line.count(delimiter) else ",", encoding=encoding)


def _look(
    sources: Names, dialect: InputDialect, stdin: IO[bytes] | None, pattern: str | None
) -> tuple[tuple[str, ...], list[ColumnFindings], int, bool]:
    recipe = Recipe(input=dialect)
    with open_source(origins(sources, dialect, stdin=stdin, pattern=pattern), recipe) as source:
        findings = [ColumnFindings() for _ in source.columns]
        preflight = Preflight(len(source.columns), source.header)
        rows = 0
        for cut in cuts_of(source):
            if rows >= MAX_ROWS:
                return source.columns, findings, rows, False
            rows += cut.rows
            _add(findings, _good(cut, preflight), dialect)
        return source.columns, findings, rows, True


def _good(cut: Cut, preflight: Preflight) -> Cut:
    """Return the records of the right form, each with a line end."""
    bad = {each.row - cut.first_row for each in preflight.check(cut)}
    data = cut.data
    if bad:
        data = b"".join(record for place, record in enumerate(split_records(data)) if place not in bad)
    return Cut.of(data if not data or data.endswith(b"\n") else data + b"\n")


def _add(findings: list[ColumnFindings], cut: Cut, dialect: InputDialect) -> None:
    if not cut.rows:
        return
    table = RawTable(cut, len(findings))
    for place, found in enumerate(findings):
        steps = ColumnSteps(strip=True, number=True)
        cells = CellSteps(
            place,
            str(place),
            steps,
            decimal=dialect.decimal,
            thousands=dialect.thousands,
            is_last=place == len(findings) - 1,
            is_alone=False,
        )
        frame = table.frame.select(cells.contents(table)).with_columns(cells.texts())
        frame = frame.with_columns(cells.numbers()).with_columns(cells.findings())
        found.rows += cut.rows
        missing, wrong, padded, infinite = frame.select(
            missing=pl.col(cells.missing).sum(),
            wrong=(pl.col(cells.wrong) & pl.col(cells.number).is_null()).sum(),
            padded=(pl.col(cells.text).str.len_bytes() != pl.col(cells.content).str.len_bytes()).sum(),
            infinite=(pl.col(cells.wrong) & pl.col(cells.number).is_not_null()).sum(),
        ).row(0)
        found.empty += missing
        found.padded += padded
        found.not_finite += infinite
        found.other_count += wrong
        found.numbers += cut.rows - missing - wrong - infinite
        if wrong and len(found.others) < MAX_ROWS:
            others = frame.filter(pl.col(cells.wrong) & pl.col(cells.number).is_null()).get_column(cells.text)
            for value, count in others.value_counts(sort=True, name="times").head(1000).iter_rows():
                found.others[value] += count


def _has_decimal_commas(findings: list[ColumnFindings]) -> bool:
    pattern = re.compile(r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+),[0-9]+")
    return any(pattern.fullmatch(value) for found in findings for value in found.others)


def _thousands(findings: list[ColumnFindings], dialect: InputDialect) -> str | None:
    """Return the character that groups the digits of most texts of a column, if there is one."""
    times: Counter[str] = Counter()
    for found in findings:
        present = [value for value in found.others if value.lower() not in _WORDS]
        total = sum(found.others[value] for value in present)
        for mark in _GROUPING.difference(dialect.decimal):
            pattern = re.compile(grouped_digits(mark, dialect.decimal))
            fit = sum(found.others[value] for value in present if pattern.search(value))
            if fit and fit >= _NUMBER_SHARE * total:
                times[mark] += fit
    return max(times, key=lambda mark: times[mark]) if times else None


def _lines(
    dialect: InputDialect, columns: tuple[str, ...], findings: list[ColumnFindings], rows: int, *, whole: bool
) -> Iterator[str]:
    seen = f"all {rows:,} rows" if whole else f"the first {rows:,} rows"
    yield f"# A first recipe, from {seen}. Read it, change it, then run"
    yield "#   tailrace prepare IN -o OUT --recipe THIS_FILE"
    yield "# docs/preparing.md explains every key. Columns go by their names in the input."
    yield ""
    yield '# target = "…"  # the column that the model predicts; rows to score need not have it'
    yield "# (a row without its target teaches nothing: drop_if_null = true there, in place of fill)"
    yield '# select = ["…", "*"]  # the columns to write, in this order; without it, all of them'
    usual = InputDialect()
    if dialect != usual:
        yield ""
        yield "[input]"
        for name in ("delimiter", "encoding", "decimal", "thousands"):
            if getattr(dialect, name) != getattr(usual, name):
                yield f"{name} = {_text(getattr(dialect, name))}{_example(dialect) if name == 'thousands' else ''}"
    for column, found in zip(columns, findings, strict=True):
        yield ""
        yield from _column(column, found)


def _column(column: str, found: ColumnFindings) -> Iterator[str]:
    key = column if _BARE_KEY.fullmatch(column) else _text(column)
    counts = [
        f"{found.numbers:,} numbers" * bool(found.numbers),
        f"{found.empty:,} empty" * bool(found.empty),
        f"{found.not_finite:,} infinite or NaN" * bool(found.not_finite),
        f"{found.other_count:,} {'other ' * bool(found.numbers)}texts" * bool(found.other_count),
        f"{found.padded:,} with blanks around" * bool(found.padded),
    ]
    yield f"# {_comment(column)}: {', '.join(filter(None, counts)) or 'no rows'}"
    steps = list(_steps(found))
    if not steps:
        always_empty = found.rows and found.empty == found.rows
        yield f"# [columns.{key}]  # {'always empty: leave it out with select' if always_empty else 'nothing to do'}"
        return
    yield f"[columns.{key}]"
    yield from steps


def _steps(found: ColumnFindings) -> Iterator[str]:
    if found.padded:
        yield "strip = true"
    if not found.is_numeric:
        if found.empty and found.empty < found.rows:
            yield f'# fill = "mode"  # of {found.empty:,} empty cells; or drop_if_null = true, or leave them so'
        return
    wrong = found.other_count + found.not_finite
    yield 'to = "number"'
    if wrong:
        shown = ", ".join(
            f"{value[:_SHOWN_CHARS]!r} {count:,} times" for value, count in found.others.most_common(_SHOWN_VALUES)
        )
        yield f"# no numbers: {_comment(shown or 'inf or NaN')}"
        if all(value.lower() in _WORDS for value in found.others) and not found.not_finite:
            yield 'on_error = "null"  # these texts stand for missing values'
        else:
            yield 'on_error = "reject"  # or "null", if they stand for missing values; or "fail"'
    if found.empty or wrong:
        yield 'fill = "median"  # or a number, or leave it out if the model takes empty cells'


def _example(dialect: InputDialect) -> str:
    return _comment(f"  # 1{dialect.thousands}234{dialect.decimal}5 is the number 1234.5; check that this is meant")


def _text(value: str) -> str:
    """Return a TOML string, in which only printable characters stand as they are."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in text)


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
