"""The options of a submit, and the job's settings that follow from them."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tailrace_core.answers.shape import ColumnType
from tailrace_core.csv_text.headers import HeaderPolicy, parse_names
from tailrace_core.engines import Engine, EngineLimits, limits_of
from tailrace_core.errors import InputError
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.settings import JobSettings, OnParked, RequestFormat, SourceFormat
from tailrace_core.jobs.split_budget import BASE_SPLITS, ROWS_PER_SPLIT

if TYPE_CHECKING:
    from tailrace_core.records.columns import ColumnPlan

E = TypeVar("E", bound=StrEnum)

RecipeLike: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any]"
"""A recipe's file, or its keys; see `tailrace.models.prepare.recipes.recipe_files.load_recipe`."""

DAY_S = 86_400
MAX_DEADLINE_S = 14 * DAY_S
DEFAULT_WINDOW = 200
"""Target tracking aims at five queued requests an instance, so one job keeps 40 instances busy. On
a single instance, one chunk at a time, a chunk may take 108 s and the last of 200 still starts
within the six hours that a request lives."""
DEFAULT_REQUEST_TTL_S = 21_600
DEFAULT_STRIPE_BYTES = 128 * 1024 * 1024
AUTO = "auto"
"""The way to infer that is advised for the input (`tailrace.advice`)."""
_MAX_KEY_CHARS = 256


class OnBadRow(StrEnum):
    """Treatment of a row that would break the container's CSV reader."""

    REJECT = "reject"
    """Record the row as rejected, with the reason, and go on."""
    STOP = "stop"
    """Refuse the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOptions:
    """Options of a submit.

    Columns go by name (a list, or one line of CSV); sizes are in bytes, times in seconds.

    ``max_rejects`` is a number of rows (``10``) or a share of them (``"2.5%"``). The same input
    submitted again with the same options and the same ``job_key`` continues the job instead of
    starting another.
    """

    header: HeaderPolicy = HeaderPolicy.STRIP
    keep: Sequence[str] = ()
    join: bool = False
    """Return all columns of the input, then the predictions: ``keep`` with ``*`` at its end."""
    drop: Sequence[str] = ()
    send: Sequence[str] = ()
    output_columns: Sequence[str] = ("prediction",)
    chunk_rows: int = 50_000
    chunk_bytes: int | None = None
    """None: as the engine takes best, 4 MiB or 3 MiB (serverless)."""
    job_key: str | None = None
    name: str | None = None
    """Name of the job for people; it need not be unique."""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Tags by which `tailrace jobs` finds the job."""
    on_bad_row: OnBadRow = OnBadRow.REJECT
    na: Sequence[str] = ()
    """Tokens of missing values: rows that hold one in a sent column are rejected and not sent. An
    empty token stands for an empty field."""
    max_attempts: int = 3
    max_rejects: int | str | None = None
    split_budget: int | None = None
    """Splits in two that the job may make to isolate bad rows. None: 10,000, and one more for every
    four rows."""
    deadline_s: float = DAY_S
    request_ttl_s: int | None = None
    """Seconds that a request may wait for its turn. None: 21,600."""
    invocation_timeout_s: int | None = None
    """None: 900, or as long as the engine allows (60 for real-time and serverless endpoints)."""
    window: int = DEFAULT_WINDOW
    """Maximum chunks in flight; a job of no more chunks is not held back by it. 0 for no limit."""
    on_parked: OnParked = OnParked.WAIT
    """``fail`` ends the job when a chunk needs an operator; by default it waits for one."""
    output_type: ColumnType | None = None
    canaries: int = 0
    """Rows of each chunk to send again, to prove that the model answers in the order of the
    rows."""
    echo: str | None = None
    """A sent column that the model gives back as the output column of that name; compared for each
    row."""
    request: RequestFormat = RequestFormat.CSV
    """Format of the rows sent to the model. ``json``: a document with a list of rows; ``jsonl``: a
    value a line."""
    request_template: str | None = None
    """The request for one row in JSON: ``ARRAY`` or ``OBJECT`` stands for the row, as a list of its
    values or by the names of its columns, ``COLUMNS`` for these names. None:
    ``{"instances": [OBJECT]}``, or ``OBJECT`` for ``jsonl``."""
    content_type: str = "text/csv"
    """With ``request``, text/csv stands for the format's own: application/json or
    application/jsonlines."""
    accept: str = "text/csv"
    endpoint_name: str | None = None
    """An endpoint other than the stack's; it has to notify the stack's topics."""
    via: Engine | str | None = None
    """The way to infer. None: the stack's own; ``auto``: the one that is advised for the input."""
    stripe_bytes: int = DEFAULT_STRIPE_BYTES
    """Size of the stripes in which objects of S3 are cut: a chunk does not cross the start of one,
    whether the objects are read here or where they lie. Other inputs have none."""
    pattern: str | None = None
    """Chooses among the files of a directory, or the objects below a prefix of S3, by the rest of
    their names."""
    source_format: SourceFormat | None = None
    """The format of the input. None: by the content of the first file; CSV if it is none other."""
    recipe: RecipeLike | None = field(default=None, hash=False)
    """Prepares the rows while they are read, as `tailrace prepare` prepared those for training."""

    def __post_init__(self) -> None:
        self._set("header", _member(HeaderPolicy, self.header, "header"))
        self._set("on_bad_row", _member(OnBadRow, self.on_bad_row, "on_bad_row"))
        self._set("request", _member(RequestFormat, self.request, "request"))
        self._set("on_parked", _member(OnParked, self.on_parked, "on_parked"))
        if self.source_format is not None:
            self._set("source_format", _member(SourceFormat, self.source_format, "source_format"))
        if self.via is not None and self.via != AUTO:
            self._set("via", _member(Engine, self.via, "via"))
        for name in ("keep", "drop", "send", "output_columns", "na"):
            value = getattr(self, name)
            self._set(name, parse_names(value) if isinstance(value, str) else tuple(value))
        if not (0 < self.deadline_s <= MAX_DEADLINE_S):
            raise InputError(
                f"the deadline is {self.deadline_s} s; it has to be between 1 s and 14 days ({MAX_DEADLINE_S} s)"
            )
        if self.job_key is not None and not 0 < len(self.job_key) <= _MAX_KEY_CHARS:
            raise InputError(f"a job key has 1 to {_MAX_KEY_CHARS} characters, this one has {len(self.job_key)}")
        JobDescription(name=self.name, tags=self.tags)  # checks both
        if self.stripe_bytes < 1:
            raise InputError(f"stripe_bytes is {self.stripe_bytes}; a stripe has a byte at least")
        if not self.output_columns:
            raise InputError("output_columns is empty: name the columns that the model returns, at least one")
        _check_result_columns((*self.keep, *self.output_columns), self.output_columns)
        if self.echo is not None and self.echo not in self.output_columns:
            raise InputError(
                f"echo is {self.echo!r}, which is not among output_columns ({', '.join(self.output_columns)}): "
                "name the column there, at the place where the model gives it back"
            )
        for name in ("content_type", "accept"):
            _check_media_type(name, getattr(self, name))
        self._check_request()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_request(self) -> None:
        if self.request is RequestFormat.CSV:
            if self.request_template is not None:
                raise InputError(
                    "request_template is given, and rows are sent as CSV: choose json or jsonl in request, or leave "
                    "the template out"
                )
            _check_rows_type(self.content_type)
            return
        from tailrace_core.submission.request_options import complete_request  # noqa: PLC0415 - most jobs send CSV

        template, content_type = complete_request(
            self.request, self.request_template, self.content_type, self.header, other_formats=_OTHER_FORMATS
        )
        self._set("request_template", template)
        self._set("content_type", content_type)

    @property
    def sends_json(self) -> bool:
        """True if rows are sent as JSON, in which numbers and text are not the same."""
        return self.request is not RequestFormat.CSV

    @property
    def sends_as_is(self) -> bool:
        """True if rows are sent as they are read, and none is taken out for a missing value."""
        changed = self.recipe is not None or self.join or self.sends_json
        return not (changed or self.keep or self.drop or self.send or self.na)

    def column_plan(self, columns: Sequence[str]) -> ColumnPlan:
        """Return which columns of an input are sent and kept.

        Raises:
            InputError: a column is unknown, or the options contradict each other.
        """
        from tailrace_core.records.column_names import ALL  # noqa: PLC0415 - needed here only
        from tailrace_core.records.columns import ColumnPlan  # noqa: PLC0415 - as above

        keep = (*self.keep, ALL) if self.join else self.keep
        plan = ColumnPlan.from_names(columns, keep=keep, drop=self.drop, send=self.send)
        # Checked again with the names of the input's columns.
        _check_result_columns((*plan.kept_names, *self.output_columns), self.output_columns)
        if self.echo is not None and self.echo not in {plan.columns[index] for index in plan.sent}:
            raise InputError(f"echo is {self.echo!r}, which is not a column that is sent: name one of those")
        return plan

    def settings(
        self,
        plan: ColumnPlan,
        *,
        header: bytes | None,
        endpoint_name: str,
        engine: Engine = Engine.ASYNC,
        by_stripes: bool = False,
        source_format: SourceFormat = SourceFormat.CSV,
    ) -> JobSettings:
        """Return the settings of the job; ``header`` is the input's header record, if it has one.

        ``by_stripes`` is true for an input of nothing but objects of S3, and ``source_format`` the
        format that the input was found to have.

        Raises:
            InputError: a value is out of bounds, or the engine has no such setting.
        """
        limits = limits_of(engine)
        self._check_engine(engine, limits)
        count, percent = _rejects(self.max_rejects)
        try:
            return JobSettings(
                endpoint_name=endpoint_name,
                header=self.header,
                header_record=_sent_header(plan, header) if self.header is HeaderPolicy.REPEAT else None,
                source_columns=plan.columns,
                sent_columns=plan.sent,
                kept_columns=plan.kept,
                output_columns=tuple(self.output_columns),
                request=self.request,
                request_template=self.request_template,
                content_type=self.content_type,
                accept=self.accept,
                chunk_rows=self.chunk_rows,
                chunk_bytes=limits.default_chunk_bytes if self.chunk_bytes is None else self.chunk_bytes,
                max_attempts=self.max_attempts,
                max_rejects=count,
                max_rejects_percent=percent,
                split_budget=BASE_SPLITS if self.split_budget is None else self.split_budget,
                rows_per_split=ROWS_PER_SPLIT if self.split_budget is None else 0,
                request_ttl_s=DEFAULT_REQUEST_TTL_S if self.request_ttl_s is None else self.request_ttl_s,
                invocation_timeout_s=(
                    limits.default_model_s if self.invocation_timeout_s is None else self.invocation_timeout_s
                ),
                # A round takes all chunks at once: SageMaker deals them out to the instances.
                window=0 if engine is Engine.TRANSFORM else self.window,
                na_tokens=tuple(dict.fromkeys(self.na)),
                on_parked=self.on_parked,
                output_type=self.output_type,
                canaries=self.canaries,
                guarded_canaries=bool(self.canaries),
                echo_column=self.echo,
                engine=engine,
                stripe_bytes=self.stripe_bytes if by_stripes else 0,
                source_format=source_format,
            )
        except ValueError as exc:
            raise InputError(str(exc)) from exc

    def _check_engine(self, engine: Engine, limits: EngineLimits) -> None:
        """Refuse settings beyond an engine's limits, and those that it has not."""
        if self.chunk_bytes is not None and self.chunk_bytes > limits.max_bytes:
            raise InputError(
                f"chunk_bytes is {self.chunk_bytes}, and a request via {engine} takes {limits.max_bytes} bytes at "
                "most; choose smaller chunks"
            )
        if self.invocation_timeout_s is not None and self.invocation_timeout_s > limits.max_model_s:
            raise InputError(
                f"invocation_timeout_s is {self.invocation_timeout_s}, and the model has {limits.max_model_s} s at "
                f"most via {engine}; choose a shorter time"
            )
        if self.request_ttl_s is not None and not limits.queues_requests:
            raise InputError(
                f"request_ttl_s is {self.request_ttl_s}, and requests via {engine} do not wait in a queue; leave it out"
            )


def _check_result_columns(columns: Sequence[str], outputs: Sequence[str]) -> None:
    """Require that each result column has a name of its own."""
    for name in outputs:
        if not name.strip():
            raise InputError(f"output_columns is {','.join(outputs)!r} and holds an empty name: name every column")
        if columns.count(name) > 1:
            raise InputError(
                f"the result would have the column {name!r} twice (from keep and output_columns): "
                "give the model's column another name"
            )


def _check_media_type(name: str, value: str) -> None:
    # It is sent in an HTTP header.
    if not value.strip() or not value.isascii() or not value.isprintable():
        raise InputError(f"{name} is {value!r}; write a media type such as text/csv")


_OTHER_FORMATS = re.compile(
    r"""
    (?:application|text)/(?:x-|vnd\.)?(?:
        (?:json(?:-?lines|l|-seq)?|ndjson|xml|yaml|html|libsvm|tab-separated-values|pickle|parquet|npy|npz|avro
        |recordio(?:-protobuf)?|protobuf|google\.protobuf|msgpack|apache\.(?:arrow|parquet|avro)(?:\.\w+)?)
    )
    |[^/]+/[^/]+\+(?:json|xml|yaml|protobuf|cbor|zip)
    |(?:image|audio|video|font|model)/.+
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Media types of other formats than CSV."""


def _check_rows_type(content_type: str) -> None:
    """Refuse a type that promises another format than CSV; a container's own types may pass."""
    kind = content_type.partition(";")[0].strip()
    if _OTHER_FORMATS.fullmatch(kind):
        raise InputError(
            f"content_type is {content_type!r}, and rows are sent as CSV: a model that takes {kind} would refuse or "
            "misread them; leave it at text/csv, choose json or jsonl in request, or have the container take CSV (see "
            "docs/bring-your-model.md)"
        )


def _member(kind: type[E], value: str, name: str) -> E:
    try:
        return kind(value)
    except ValueError as exc:
        raise InputError(f"{name} is {value!r}; it is one of {', '.join(kind)}") from exc


def fingerprint(settings: JobSettings) -> str:
    """Hash all that has to stay the same for a submit to continue a job.

    That is settings, columns, limits and the endpoint.
    """
    unchanged = {name for name, value in _ADDED.items() if getattr(settings, name) == value}
    return hashlib.sha256(settings.to_json(unchanged).encode()).hexdigest()


_ADDED = {
    "rows_per_split": ROWS_PER_SPLIT,
    "na_tokens": (),
    "on_parked": OnParked.WAIT,
    "output_type": None,
    "canaries": 0,
    "guarded_canaries": True,
    "echo_column": None,
    "stripe_bytes": DEFAULT_STRIPE_BYTES,
}
"""Settings added later, as the default options set them: with these values, a job key recorded
before them still fits. A job that goes on keeps the settings that it began with."""


def changed_settings(settings: JobSettings) -> dict[str, Any]:
    """Return the settings that default options would have set otherwise, columns by name.

    A header and the whole list of columns are left out: the input shows them.
    """
    defaults = {**{each.name: each.default for each in fields(JobSettings)}, **_ADDED}
    limits = limits_of(settings.engine)
    defaults |= {"chunk_bytes": limits.default_chunk_bytes, "invocation_timeout_s": limits.default_model_s}
    defaults |= {"window": DEFAULT_WINDOW, "sent_columns": tuple(range(len(settings.source_columns)))}
    defaults["stripe_bytes"] = DEFAULT_STRIPE_BYTES if settings.stripe_bytes else 0
    hidden = {"schema_version", "header_record", "source_columns", "guarded_canaries"}
    changed = {name: value for name, value in vars(settings).items() if name not in hidden and value != defaults[name]}
    for name in ("sent_columns", "kept_columns"):
        if name in changed:
            changed[name] = tuple(settings.source_columns[index] for index in changed[name])
    return changed


def differences(one: JobSettings, other: JobSettings) -> str:
    """Return the names of the settings that differ, for messages."""
    return ", ".join(name for name, value in vars(one).items() if value != getattr(other, name))


def _sent_header(plan: ColumnPlan, header: bytes | None) -> str:
    if header is None:
        raise InputError("the header policy repeat needs an input with a header")
    from tailrace_core.csv_text.records import split_fields  # noqa: PLC0415 - few jobs repeat the header

    names = split_fields(header)
    return b",".join(names[index] for index in plan.sent).decode()


def _rejects(limit: int | str | None) -> tuple[int | None, float | None]:
    if limit is None or isinstance(limit, int):
        return limit, None
    text = limit.strip()
    try:
        if not text.endswith("%"):
            return int(text), None
        percent = float(text.removesuffix("%"))
    except ValueError as exc:
        raise InputError(f"max_rejects is {limit!r}; write a number of rows (10) or a share (2.5%)") from exc
    if not math.isfinite(percent):
        raise InputError(f"max_rejects is {limit!r}; write a share between 0% and 100%")
    return None, percent
