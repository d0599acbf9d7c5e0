"""Prepares a table by a recipe: reads, computes fill values where that is due, and writes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from tailrace.download import targets
from tailrace.models.prepare.counts import Counts
from tailrace.models.prepare.dialects import origins, remote_parquet
from tailrace.models.prepare.fitting import fit
from tailrace.models.prepare.pipeline import CUT_BYTES, in_order
from tailrace.models.prepare.plan import PreparationPlan, by_names, plan_for
from tailrace.models.prepare.prepared_cuts import PreparedCut
from tailrace.models.prepare.recipes.recipe import Recipe
from tailrace.models.prepare.recipes.recipe_files import RecipeName, fitted_document, load_recipe
from tailrace.models.prepare.steps.row_steps import RowSteps
from tailrace.sources.origins import Origin
from tailrace.sources.source import Source
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.rejects import write_rejects
from tailrace_core.errors import InputError, RecordError
from tailrace_core.records.cutting import Cut, Limits, cut
from tailrace_core.records.preflight import Preflight
from tailrace_core.records.screening import refuse_swallowed_lines
from tailrace_core.submission.options import OnBadRow

if TYPE_CHECKING:
    from tailrace.sources.names import Names
    from tailrace.sources.origins import OpenObject

Progress = Callable[[int], None]
"""Gets the number of rows read so far."""
_SHOWN_REASONS = 10
_PIECE_BYTES = 256 * 1024
"""Bytes that are written at a time: to write 4 MiB at once costs a kernel several times the CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """The result of a preparation: its counts, and the recipe with its computed values."""

    counts: Counts
    recipe: Recipe
    first_reasons: Mapping[int, str]
    """Reasons of the first ten rejected rows, by row (from 0)."""


def prepare(
    sources: Names,
    output: str | os.PathLike[str] | IO[bytes],
    *,
    recipe: Recipe | Mapping[str, Any] | RecipeName,
    fitted: str | os.PathLike[str] | None = None,
    rejects: str | os.PathLike[str] | None = None,
    on_bad_row: OnBadRow | str = OnBadRow.REJECT,
    stdin: IO[bytes] | None = None,
    s3: OpenObject | None = None,
    pattern: str | None = None,
    on_progress: Progress | None = None,
) -> Preparation:
    """Prepare a table by a recipe and write it as CSV.

    Every row is written, in the input's order, but those that are rejected and those that the
    recipe's ``drop_if_null`` leaves out. Cells that no step changes are written byte for byte.

    Args:
        sources: As for `tailrace.Tailrace.submit`: paths, patterns, binary streams, tables; local
            Parquet files too.
        output: The file to write, or a binary stream; ``-`` is standard output. A name that ends in
            ``.gz`` or ``.zst`` is compressed.
        recipe: A recipe's file (TOML, or the JSON of a fitted one), or its keys as a mapping.
        fitted: The file to write the recipe to, with the values that were computed from this input.
            Name it as the recipe to prepare other rows in the same way. None: it is not written.
        rejects: The file to write rejected rows to: row (from 0), reason, and the original record.
            None: they are counted only.
        on_bad_row: ``reject`` rows that are no records of the input's columns, or ``stop`` at the
            first.
        stdin: The stream that ``-`` stands for. None: the process's standard input.
        s3: Opens and lists objects of S3, see `tailrace.sources.origins.S3Objects`.
        pattern: Chooses among the files of a directory, or the objects below a prefix of S3.
        on_progress: Gets the number of rows read, of both passes if there are two.

    Raises:
        InputError: the recipe or the input is wrong, or polars is not installed.
        RecordError: a cell is wrong in a column with ``on_error = "fail"``, or with
            ``on_bad_row="stop"``, a row is.
    """
    loaded = load_recipe(recipe)
    on_bad_row = OnBadRow(on_bad_row)
    inputs = origins(sources, loaded.input, stdin=stdin, s3=s3, pattern=pattern)
    if loaded.needs_fit:
        _require_reopenable(inputs)
        loaded, rows = _fitted(inputs, loaded, on_bad_row, on_progress)
    else:
        loaded, rows = loaded if loaded.fitted is not None else replace(loaded, fitted={}), 0
    with contextlib.ExitStack() as opened:
        source = opened.enter_context(open_source(inputs, loaded))
        plan = plan_for(loaded, source.columns)
        loaded = by_names(loaded, source.columns)
        out = opened.enter_context(targets.open_target(output))
        refused = None if rejects is None else opened.enter_context(targets.open_target(rejects))
        out.write(_header(plan, source))
        if refused is not None:
            refused.write(b"row,reason," + (source.header or b"record") + b"\n")
        cuts = prepared_cuts(source, plan, on_bad_row=on_bad_row)
        counts, first_reasons = _write(cuts, out, refused, on_progress)
    if fitted is not None:
        with targets.open_target(fitted) as file:
            file.write(fitted_document(loaded, rows or counts.rows_written).encode())
    return Preparation(counts=counts, recipe=loaded, first_reasons=first_reasons)


def open_source(inputs: list[Origin], recipe: Recipe) -> Source:
    """Open the origins of an input as one source of records.

    Raises:
        InputError: see `tailrace.sources.source.Source.open`; or it is JSON Lines, or Parquet that
            is no local file.
    """
    has_header = recipe.input.header or any(origin.is_table for origin in inputs)
    if not has_header:
        return Source.open(inputs, header=HeaderPolicy.NONE)
    source = Source.open(inputs, header=HeaderPolicy.STRIP, is_lines=None)
    if not (source.is_lines or source.is_parquet):
        return source
    source.close()
    if source.is_parquet:
        raise remote_parquet(source.names[0])
    raise InputError(
        f"{source.names[0]} is JSON Lines, and a recipe prepares CSV, Parquet and tables: convert it, for example with "
        'pandas.read_json("rows.jsonl", lines=True).to_parquet("rows.parquet")'
    )


def prepared_cuts(
    source: Source,
    plan: PreparationPlan,
    *,
    on_bad_row: OnBadRow = OnBadRow.REJECT,
    keep_rows: bool = False,
    fitting: bool = False,
) -> Iterator[PreparedCut]:
    """Prepare the records of a source in order, as `RowSteps` does.

    Raises:
        RecordError: with ``OnBadRow.STOP``, the first rejected row.
    """
    steps = RowSteps(
        plan,
        Preflight(len(plan.columns), source.header),
        keep_rows=keep_rows,
        fitting=fitting,
        line_end=source.line_end,
        describe=source.describe_position,
    )
    for each in in_order(steps.prepare, cuts_of(source)):
        if each.rejected and on_bad_row is OnBadRow.STOP:
            first = each.rejected[0]
            raise RecordError(
                f"row {first.row} is rejected: {first.reason} (rows count from 0, the header not included); fix it, or "
                "have such rows rejected with --on-bad-row reject",
                row=first.row,
                reason=first.reason,
            )
        yield each


def cuts_of(source: Source) -> Iterator[Cut]:
    """Cut the records of a source for their preparation."""
    limits = Limits(rows=CUT_BYTES, size_bytes=CUT_BYTES, allow_large=True)
    return refuse_swallowed_lines(cut(source.blocks(), limits, source.describe_position), source.describe_position)


def _fitted(
    inputs: list[Origin], recipe: Recipe, on_bad_row: OnBadRow, on_progress: Progress | None
) -> tuple[Recipe, int]:
    with open_source(inputs, recipe) as source:
        plan = plan_for(recipe, source.columns)
        values, rows = fit(
            plan, _reported(prepared_cuts(source, plan, on_bad_row=on_bad_row, fitting=True), on_progress)
        )
    return replace(recipe, fitted=values), rows


def _reported(cuts: Iterator[PreparedCut], on_progress: Progress | None) -> Iterator[PreparedCut]:
    rows = 0
    for each in cuts:
        rows += each.counts.rows_read
        if on_progress is not None:
            on_progress(rows)
        yield each


def _write(
    cuts: Iterator[PreparedCut],
    out: IO[bytes],
    refused: IO[bytes] | None,
    on_progress: Progress | None,
) -> tuple[Counts, dict[int, str]]:
    counts = Counts()
    reasons: dict[int, str] = {}
    for each in _reported(cuts, on_progress):
        counts.add(each.counts)
        for start in range(0, len(each.data), _PIECE_BYTES):
            out.write(each.data[start : start + _PIECE_BYTES])
        for reject in each.rejected[: _SHOWN_REASONS - len(reasons)]:
            reasons[reject.row] = reject.reason
        if refused is not None and each.rejected:
            refused.write(write_rejects(each.rejected))
    return counts, reasons


def _header(plan: PreparationPlan, source: Source) -> bytes:
    """Return the header to write: the input's own if its names are written unchanged."""
    unchanged = plan.is_identity and plan.names == plan.columns and source.header is not None
    return (source.header or b"" if unchanged else plan.header) + source.line_end


def _require_reopenable(inputs: list[Origin]) -> None:
    for origin in inputs:
        if not origin.reopenable:
            raise InputError(
                f"{origin.name} can be read once, and a median or mode has to be computed before the rows are written: "
                "name a file, or name a fitted recipe"
            )
