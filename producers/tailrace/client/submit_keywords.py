"""The keyword arguments of a submit: one list for type checkers, `help` and the documentation."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, replace
from enum import Enum
from typing import Any, Literal, TypedDict, TypeVar

from tailrace_core.answers.shape import ColumnType
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.engines import Engine
from tailrace_core.jobs.settings import OnParked, RequestFormat, SourceFormat
from tailrace_core.submission.options import OnBadRow, SubmitOptions

F = TypeVar("F", bound=Callable[..., Any])


class SubmitKeywords(TypedDict, total=False):
    """Options of a submit, as keyword arguments. Sizes are in bytes, times in seconds.

    A list of columns is a sequence of names, or one line of CSV (``"order_id,region"``).

        header: Treatment of the input's first record. ``strip``: it is a header and is not sent;
            ``repeat``: it is sent with every chunk; ``none``: the input has no header, and its
            columns are ``column_1``, ``column_2`` and so on. Default: ``"strip"``.
        keep: Columns to return beside the prediction. They are not sent, unless ``send`` names them
            too. Default: none. In this list and the next two, ``a:c`` are the columns from a to c,
            and ``*`` all others; what ``*`` keeps is sent as well.
        join: Return all columns of the input, then the predictions; the same as ``*`` at the end of
            keep. Default: False.
        drop: Columns to leave out, neither sent nor returned. Default: none.
        send: Columns to send, in this order. Default: all that are neither kept nor dropped.
        output_columns: Names of the columns that the model returns. Default: ``("prediction",)``.
        chunk_rows: Maximum rows in a chunk. Default: 50,000.
        chunk_bytes: Maximum size of a chunk, in bytes; stay below the container's limit. Default:
            None: 4,194,304 (4 MiB), and 3 MiB via a serverless endpoint.
        job_key: Name of the job, 1 to 256 characters: submitting the same input with it again
            continues the job instead of starting another. Default: None.
        name: Name of the job for people, at most 200 characters; it need not be unique. Default:
            None.
        tags: Tags by which `Tailrace.find_jobs` and ``tailrace jobs --tag`` find the job, at most
            20. Default: none.
        on_bad_row: Treatment of a row that would break the model's CSV reader: ``reject`` records
            it, ``stop`` refuses the input. Default: ``"reject"``.
        na: Tokens of missing values: rows that hold one in a sent column are rejected and not sent.
            An empty token stands for an empty field. Default: none.
        max_attempts: Maximum attempts for a chunk, 1 to 100. Default: 3.
        max_rejects: The job fails when more rows than this are rejected: a number of rows (``10``)
            or a share of them (``"2.5%"``). Default: None, no limit.
        split_budget: Maximum splits of chunks in two to isolate bad rows. Default: None: 10,000,
            and one more for every 4 rows.
        deadline_s: The job expires after so many seconds, 14 days at most. Default: 86,400 (24 h).
        request_ttl_s: Seconds that a request may wait in the endpoint's queue, 60 to 21,600.
            Default: None: 21,600 (6 h).
        invocation_timeout_s: Seconds that the model may take for a chunk, 3,600 at most, and 60 via
            a real-time or a serverless endpoint. Default: None: 900 (15 min), or 60.
        window: Maximum chunks of the job in flight; 0 for no limit. Default: 200.
        on_parked: Handling of a chunk that no retry can fix: ``wait`` for an operator, or ``fail``
            the job at once. Default: ``"wait"``.
        output_type: Type of every output column, ``number`` or ``text``. Default: None: the job's
            first answers establish the type of each.
        canaries: Rows of each chunk to send again, 0 to 100 (1 to 3 mean 4), to prove that the
            model answers in the order of the rows. Default: 0.
        echo: A sent column that the model gives back as the output column of the same name; it is
            compared for each row. Default: None.
        request: Format of the rows sent to the model: ``csv``, ``json`` (a document with a list of
            rows) or ``jsonl`` (a value a line). Default: ``"csv"``.
        request_template: The request for one row in JSON. ``ARRAY`` or ``OBJECT`` stands for the
            row, as a list of its values or by the names of its columns; ``COLUMNS`` stands for
            these names. Default: None, which means ``{"instances": [OBJECT]}``, or ``OBJECT`` for
            ``jsonl``.
        content_type: Media type of the rows sent to the model; by default, with a ``request`` in
            JSON, application/json or application/jsonlines. Default: ``"text/csv"``.
        accept: Media type of the model's response. Default: ``"text/csv"``.
        endpoint_name: An endpoint other than the stack's; it has to notify the stack's topics.
            Default: None, the stack's.
        via: The way to infer, of those that the stack was deployed for: ``async``, ``realtime``,
            ``serverless`` or ``transform``; or ``auto``: the one that ``tailrace advise`` names for
            the input. Default: None, the stack's own.
        stripe_bytes: Size of the stripes in which objects of S3 are cut, in bytes; a chunk does not
            cross the start of one. Other inputs are not cut by stripes. Default: 134,217,728 (128
            MiB).
        pattern: Chooses among the files of a directory, or the objects below a prefix of S3, by
            the rest of their names: ``"*.csv.gz"``; ``*`` stands for ``/`` too. Default: None, all
            whose names begin with neither ``_`` nor ``.``.
        source_format: The format of the input: ``csv``, or ``jsonl`` for JSON Lines, whose columns
            are the keys of the first line. Default: None: by the content of the first file, by
            which Parquet is recognised as well.
        recipe: The ``fitted.json`` that `tailrace prepare` wrote for the training data, or a recipe
            without medians and modes, or its keys as a mapping: rows are prepared while they are
            read, and the model gets the columns that it was trained with. Columns go by the names
            that the recipe gives them. Needs ``tailrace[prepare]``. Default: None.
    """

    header: HeaderPolicy | Literal["strip", "repeat", "none"]
    keep: Sequence[str]
    join: bool
    drop: Sequence[str]
    send: Sequence[str]
    output_columns: Sequence[str]
    chunk_rows: int
    chunk_bytes: int | None
    job_key: str | None
    name: str | None
    tags: Mapping[str, str]
    on_bad_row: OnBadRow | Literal["reject", "stop"]
    na: Sequence[str]
    max_attempts: int
    max_rejects: int | str | None
    split_budget: int | None
    deadline_s: float
    request_ttl_s: int | None
    invocation_timeout_s: int | None
    window: int
    on_parked: OnParked | Literal["wait", "fail"]
    output_type: ColumnType | Literal["number", "text"] | None
    canaries: int
    echo: str | None
    request: RequestFormat | Literal["csv", "json", "jsonl"]
    request_template: str | None
    content_type: str
    accept: str
    endpoint_name: str | None
    via: Engine | Literal["async", "realtime", "serverless", "transform", "auto"] | None
    stripe_bytes: int
    pattern: str | None
    source_format: SourceFormat | Literal["csv", "jsonl"] | None
    recipe: str | os.PathLike[str] | Mapping[str, Any] | None


def merged_options(options: SubmitOptions | None, keywords: SubmitKeywords) -> SubmitOptions:
    """Return the options with the fields replaced that keyword arguments name.

    Raises:
        InputError: a value is wrong.
        TypeError: there is no such option; the message names one that is spelt alike.
    """
    given: Any = keywords
    known = SubmitKeywords.__annotations__
    for name in given:
        if name not in known:
            import difflib  # noqa: PLC0415 - for an error only

            alike = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {alike[0]!r}?" if alike else "; help(Tailrace.submit) lists the options"
            raise TypeError(f"there is no option {name!r}{hint}")
    return replace(options or SubmitOptions(), **given)


def lists_options(method: F) -> F:
    """Give a method that takes `SubmitKeywords` the signature and the help text with each of them.

    Type checkers and editors read the annotation ``Unpack[SubmitKeywords]``; `help` and notebooks
    read what is set here.
    """
    signature = inspect.signature(method)
    named = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    vars(method)["__signature__"] = signature.replace(parameters=[*named, *map(_parameter, fields(SubmitOptions))])
    # Without docstrings (python -OO) there is nothing to add to.
    if method.__doc__ and SubmitKeywords.__doc__:
        options = SubmitKeywords.__doc__.partition("\n")[2]
        method.__doc__ += "\n\nOptions, each a keyword argument:\n" + options
    return method


def _parameter(option: Field[Any]) -> inspect.Parameter:
    default: Any = option.default
    if option.default is MISSING:
        default = None if option.default_factory is MISSING else option.default_factory()
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default.value if isinstance(default, Enum) else default,
        annotation=SubmitKeywords.__annotations__[option.name].__forward_arg__,
    )
