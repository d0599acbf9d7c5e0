"""The keyword arguments of `tailrace.score`: the options of a submit that apply."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from tailrace_core.answers.shape import ColumnType
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError
from tailrace_core.jobs.settings import RequestFormat, SourceFormat
from tailrace_core.submission.options import OnBadRow, SubmitOptions


class ScoreKeywords(TypedDict, total=False):
    """Options of `score`, as keyword arguments. Sizes are in bytes, times in seconds.

    They mean what they mean for `Tailrace.submit`, see `SubmitKeywords`; those of a job (its key,
    name and tags, its window, its engine) are left out.

        header: Treatment of the input's first record: ``strip``, ``repeat`` or ``none``. Default:
            ``"strip"``.
        keep: Columns to return beside the prediction. Default: none.
        join: Return all columns of the input, then the predictions. Default: False.
        drop: Columns to leave out, neither sent nor returned. Default: none.
        send: Columns to send, in this order. Default: all that are neither kept nor dropped.
        output_columns: Names of the columns that the model returns. Default: ``("prediction",)``.
        chunk_rows: Maximum rows in a request. Default: 50,000.
        chunk_bytes: Maximum size of a request. Default: 4 MiB, for a serverless endpoint 3 MiB.
        on_bad_row: ``reject`` or ``stop`` for a row that would break the model's CSV reader.
            Default: ``"reject"``.
        na: Tokens of missing values: rows that hold one in a sent column are rejected and not sent.
            Default: none.
        max_attempts: Maximum attempts for a chunk, 1 to 100. Default: 3.
        max_rejects: Fail when more rows than this are rejected: a number of rows or a share.
            Default: None, no limit.
        split_budget: Maximum splits of chunks in two to isolate bad rows. Default: None: 10,000,
            and one more for every 4 rows.
        deadline_s: Give up after so many seconds. Default: 86,400 (24 h).
        invocation_timeout_s: Seconds that the model may take for a request: 60 at most for an
            endpoint, 3,600 for a container of your own. Default: 60.
        output_type: Type of every output column, ``number`` or ``text``. Default: None: the first
            answers establish the type of each.
        canaries: Rows of each chunk to send again, at least 4, to prove that the model answers in
            the order of the rows. Default: 0.
        echo: A sent column that the model gives back as the output column of the same name.
            Default: None.
        request: Format of the rows sent to the model: ``csv``, ``json`` (a document with a list of
            rows) or ``jsonl`` (a value a line). Default: ``"csv"``.
        request_template: The request for one row in JSON. ``ARRAY`` or ``OBJECT`` stands for the
            row, as a list of its values or by the names of its columns; ``COLUMNS`` stands for
            these names. Default: None, which means ``{"instances": [OBJECT]}``, or ``OBJECT`` for
            ``jsonl``.
        content_type: Media type of the rows sent to the model; by default, with a ``request`` in
            JSON, application/json or application/jsonlines. Default: ``"text/csv"``.
        accept: Media type of the model's response. Default: ``"text/csv"``.
        source_format: The format of the input, ``csv`` or ``jsonl``. Default: None: by the content
            of the first file.
        recipe: The ``fitted.json`` that `tailrace prepare` wrote for the training data, or a recipe
            without medians and modes: the rows are prepared while they are read. Default: None.
        pattern: Chooses among the files of a directory, or the objects below a prefix of S3.
            Default: None, all whose names begin with neither ``_`` nor ``.``.
    """

    header: HeaderPolicy | Literal["strip", "repeat", "none"]
    keep: Sequence[str]
    join: bool
    drop: Sequence[str]
    send: Sequence[str]
    output_columns: Sequence[str]
    chunk_rows: int
    chunk_bytes: int | None
    on_bad_row: OnBadRow | Literal["reject", "stop"]
    na: Sequence[str]
    max_attempts: int
    max_rejects: int | str | None
    split_budget: int | None
    deadline_s: float
    invocation_timeout_s: int | None
    output_type: ColumnType | Literal["number", "text"] | None
    canaries: int
    echo: str | None
    request: RequestFormat | Literal["csv", "json", "jsonl"]
    request_template: str | None
    content_type: str
    accept: str
    source_format: SourceFormat | Literal["csv", "jsonl"] | None
    recipe: str | os.PathLike[str] | Mapping[str, Any] | None
    pattern: str | None


def submit_options(keywords: ScoreKeywords) -> SubmitOptions:
    """Return the options that the keyword arguments name.

    Raises:
        InputError: a value is wrong, or an option applies to jobs only.
    """
    given: Any = keywords
    unknown = sorted(given.keys() - ScoreKeywords.__annotations__.keys())
    if unknown:
        raise InputError(f"score has no option {', '.join(unknown)}: leave it out, or submit the input as a job")
    return SubmitOptions(**given)
