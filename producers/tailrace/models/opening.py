"""Opens the rows to score, as they are or prepared by a recipe.

It imports what it needs when it is called: most submits have no recipe.
"""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING

from tailrace_core.errors import InputError

if TYPE_CHECKING:
    from tailrace.sources.names import Names
    from tailrace.sources.origins import OpenObject
    from tailrace.sources.record_source import RecordSource
    from tailrace_core.csv_text.headers import HeaderPolicy
    from tailrace_core.jobs.settings import SourceFormat
    from tailrace_core.submission.options import RecipeLike, SubmitOptions


def open_source(
    sources: Names,
    header: HeaderPolicy,
    stdin: IO[bytes] | None,
    s3: OpenObject,
    recipe: RecipeLike | None = None,
    pattern: str | None = None,
    source_format: SourceFormat | None = None,
    *,
    typed_tables: bool = False,
) -> RecordSource:
    """Open the input of a submit. ``-`` is ``stdin``, or the process's standard input.

    With a recipe, its rows are prepared while they are read. ``pattern`` chooses below directories
    and prefixes. Without a ``source_format``, the content of the first file decides. With
    ``typed_tables``, as requests in JSON need them, numbers of tables stay apart from text.
    """
    if recipe is not None:
        if source_format == "jsonl":
            raise InputError("a recipe prepares rows of CSV or Parquet, not JSON Lines: leave one of them out")
        from tailrace.models.prepare.scoring import PreparedSource  # noqa: PLC0415 - it needs polars

        return PreparedSource.open(sources, recipe, header=header, stdin=stdin, s3=s3, pattern=pattern)
    from tailrace.sources.names import source_names  # noqa: PLC0415 - see above
    from tailrace.sources.record_source import open_records  # noqa: PLC0415 - see above

    return open_records(
        source_names(sources),
        header=header,
        stdin=stdin or getattr(sys.stdin, "buffer", None),
        s3=s3,
        pattern=pattern,
        source_format=source_format,
        typed_tables=typed_tables,
    )


def fitting_options(source: RecordSource, options: SubmitOptions) -> SubmitOptions:
    """Return the options that fit an opened source: a recipe says what the model gets."""
    if options.recipe is None:
        return options
    from tailrace.models.prepare.scoring import PreparedSource  # noqa: PLC0415 - see above

    return source.options(options) if isinstance(source, PreparedSource) else options
