"""The settings of a job.

A dataclass, checked by hand: the import of pydantic takes longer than all that a submit imports of
Tailrace.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from tailrace_core.answers.shape import ColumnType
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.engines import Engine


class OnParked(StrEnum):
    """Handling of a chunk that needs an operator."""

    WAIT = "wait"
    """The chunk waits, and its job with it, until an operator decides or the deadline passes."""
    FAIL = "fail"
    """The job fails at once: for schedulers, which have no operator at hand."""


class SourceFormat(StrEnum):
    """The format of the input, which says what the quotes in its CSV mean."""

    CSV = "csv"
    """Quotes only protect: a quoted field may be a number like any other."""
    JSONL = "jsonl"
    """JSON Lines or Parquet, read to CSV: a quoted field is a string, another field is a number,
    ``true``, ``false``, or null if it is empty."""


class RequestFormat(StrEnum):
    """The format of the rows sent to the model (`tailrace_core.objects.request_frames`)."""

    CSV = "csv"
    JSON = "json"
    """One JSON document with the rows of a chunk in a list."""
    JSONL = "jsonl"
    """A JSON value a row, each on a line."""


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """Settings of a job: written once at submit, never changed, shared by all its chunks.

    Raises:
        ValueError: a value is out of bounds, or of another type.
    """

    schema_version: int = 1
    endpoint_name: str
    header: HeaderPolicy = HeaderPolicy.STRIP
    header_record: str | None = None
    """The header of the columns sent, without a line end; sent at the head of each chunk with
    ``repeat``."""
    source_columns: tuple[str, ...] = ()
    """The names of the input's columns, in the input's order."""
    sent_columns: tuple[int, ...] = ()
    """Indices into ``source_columns`` of the columns sent, in the order sent."""
    kept_columns: tuple[int, ...] = ()
    """Indices into ``source_columns`` of the columns returned with the prediction, in that
    order."""
    output_columns: tuple[str, ...] = ("prediction",)
    output_type: ColumnType | None = None
    """The declared type of the output columns; None to establish it by the first answers."""
    content_type: str = "text/csv"
    accept: str = "text/csv"
    chunk_rows: int = 50_000
    chunk_bytes: int = 4 * 1024 * 1024
    max_attempts: int = 3
    max_rejects: int | None = None
    """The job fails when more rows than this are rejected; None for no limit."""
    max_rejects_percent: float | None = None
    """The same limit in per cent of the rows of a sealed job."""
    split_budget: int = 10_000
    """The number of splits in two that this job may make."""
    rows_per_split: int = 0
    """The budget grows by one split for each so many rows of opened chunks; 0: it does not grow."""
    request_ttl_s: int = 21_600
    invocation_timeout_s: int = 900
    window: int = 0
    """The number of chunks in flight at once; 0 for no limit."""
    on_parked: OnParked = OnParked.WAIT
    na_tokens: tuple[str, ...] = ()
    """Rows with one of these in a sent column were rejected before anything was sent."""
    canaries: int = 0
    """The number of rows of each chunk that are sent again, to prove the order of the answer."""
    guarded_canaries: bool = False
    """True if four of the copies guard both ends of each chunk, whatever ``canaries`` says
    (`tailrace_core.positions`); settings of older clients have none."""
    echo_column: str | None = None
    """The name of a sent column that the model gives back as the output column of that name."""
    engine: Engine = Engine.ASYNC
    """The way to infer; settings of before there was a choice have none, and mean ``async``."""
    stripe_bytes: int = 0
    """The size of the stripes in which objects of S3 are cut; 0: the input is cut as one stream."""
    source_format: SourceFormat = SourceFormat.CSV
    request: RequestFormat = RequestFormat.CSV
    request_template: str | None = None
    """The request for a row in JSON (`tailrace_core.objects.request_frames`); None for CSV."""

    def __post_init__(self) -> None:
        for name, kind in _ENUMS.items():
            self._set(name, _member(name, getattr(self, name), kind))
        for name in _TUPLES:
            self._set(name, tuple(getattr(self, name)))
        for name, bounds in _BOUNDS.items():
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                self._set(name, _number(name, value, *bounds))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def to_json(self, exclude: Collection[str] = ()) -> str:
        """Serialize the settings as stored, without the fields in ``exclude``.

        Fields that settings had not from the first are not stored at their defaults: what was
        stored before stays the same.
        """
        left_out = {*exclude, *(name for name, value in _NOT_STORED.items() if getattr(self, name) == value)}
        values = {name: value for name, value in vars(self).items() if name not in left_out}
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> JobSettings:
        """Read stored settings; fields that a newer version adds are ignored.

        Raises:
            ValueError: the text is no JSON, or no settings.
        """
        stored = json.loads(text)
        found = stored.get("endpoint_name") if isinstance(stored, dict) else None
        if not isinstance(found, str):
            raise ValueError(f"these are no settings of a job: endpoint_name is {found!r}")  # noqa: TRY004 - as all other errors
        return cls(**{each.name: stored[each.name] for each in fields(cls) if each.name in stored})

    @property
    def header_line(self) -> bytes:
        """The first line of each input object; empty unless the header is repeated."""
        return b"" if self.header_record is None else self.header_record.encode() + b"\n"

    @property
    def has_kept_columns(self) -> bool:
        """True if the job keeps columns, so that its chunks have kept objects."""
        return bool(self.kept_columns)

    @property
    def result_columns(self) -> tuple[str, ...]:
        """Column names of the result: the kept columns, then the output columns."""
        return (*(self.source_columns[index] for index in self.kept_columns), *self.output_columns)


_ENUMS: dict[str, type[StrEnum]] = {
    "header": HeaderPolicy,
    "on_parked": OnParked,
    "output_type": ColumnType,
    "engine": Engine,
    "source_format": SourceFormat,
    "request": RequestFormat,
}
_TUPLES = ("source_columns", "sent_columns", "kept_columns", "output_columns", "na_tokens")
_NOT_STORED = {
    "engine": Engine.ASYNC,
    "stripe_bytes": 0,
    "guarded_canaries": False,
    "source_format": SourceFormat.CSV,
    "request": RequestFormat.CSV,
    "request_template": None,
}
_OPTIONAL = frozenset({"max_rejects", "max_rejects_percent"})
_BOUNDS: dict[str, tuple[int, int | None]] = {
    "chunk_rows": (1, None),
    "chunk_bytes": (1, None),
    "max_attempts": (1, 100),
    "max_rejects": (0, None),
    "max_rejects_percent": (0, 100),
    "split_budget": (0, None),
    "rows_per_split": (0, None),
    "request_ttl_s": (60, 21_600),
    "invocation_timeout_s": (1, 3_600),
    "window": (0, None),
    "canaries": (0, 100),
    "stripe_bytes": (0, None),
}
"""The least and the most that a number may be."""


def _member(name: str, value: Any, kind: type[StrEnum]) -> StrEnum | None:
    if value is None and name == "output_type":
        return None
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{name} is {value!r}: it should be {' or '.join(map(repr, map(str, kind)))}") from None


def _number(name: str, value: Any, least: int, most: int | None) -> float:
    whole = name != "max_rejects_percent"
    try:
        number: float = int(value.__index__()) if whole else float(value)
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}: it should be a{' whole' if whole else ''} number") from None
    if not number >= least:
        raise ValueError(f"{name} is {value!r}: it should be greater than or equal to {least}")
    if most is not None and not number <= most:
        raise ValueError(f"{name} is {value!r}: it should be less than or equal to {most}")
    return number
