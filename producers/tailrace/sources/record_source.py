"""The input of a submit as its planner sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from tailrace_core.jobs.settings import SourceFormat

if TYPE_CHECKING:
    from tailrace.sources.origins import OpenObject, Origin
    from tailrace.sources.streams import BinaryStream
    from tailrace_core.csv_text.headers import HeaderPolicy


class RecordSource(Protocol):
    """One input of CSV records; a context manager, to be read once.

    `tailrace.sources.source.Source` is one that gives the records as they are.
    """

    columns: tuple[str, ...]
    header: bytes | None
    """The header record without its line end; None if the input has none."""

    @property
    def source_format(self) -> SourceFormat:
        """The format of the input, which says what quotes in the records mean."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, streams and objects of the input, in order."""

    @property
    def size_hint_bytes(self) -> int | None:
        """Size of the input as stored; None when it is unknown."""

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, out of ``size_hint_bytes``."""

    @property
    def head(self) -> bytes:
        """The first bytes of the input, as far as they were read to find its columns."""

    def blocks(self) -> Iterator[bytes]:
        """Read the data records in blocks that end anywhere."""

    @property
    def lies_in_s3(self) -> bool:
        """True if the records are those of objects of S3 alone, as they are stored there."""

    def boundaries(self, stripe_bytes: int) -> Sequence[int]:
        """Return the offsets in the data at which stripes begin; it grows while blocks are read."""

    def describe_position(self, offset: int) -> str:
        """Describe an offset of the data read so far for a message."""

    def known_rejects(self, first_row: int, rows: int) -> dict[int, str]:
        """Return why rows that were read cannot be scored, by row; asked once for each row."""

    def close(self) -> None:
        """Close what is open."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


def open_records(
    names: Sequence[str | BinaryStream | Origin],
    *,
    header: HeaderPolicy,
    stdin: BinaryStream | None = None,
    s3: OpenObject | None = None,
    pattern: str | None = None,
    source_format: SourceFormat | None = None,
    typed_tables: bool = False,
) -> RecordSource:
    """Open an input of any format; by the content of the first file if no format is named.

    With ``typed_tables``, quotes tell text from numbers in tables too, if the input has nothing
    else.

    Raises:
        InputError: see `tailrace.sources.source.Source.open`.
    """
    from tailrace.sources.source import Source  # noqa: PLC0415 - see `tailrace.models.opening`

    is_lines = None if source_format is None else source_format is SourceFormat.JSONL
    source = Source.open(
        names, header=header, stdin=stdin, s3=s3, pattern=pattern, is_lines=is_lines, typed_tables=typed_tables
    )
    if not source.is_lines:
        return source
    try:
        from tailrace.sources.json_lines_source import JsonLinesSource  # noqa: PLC0415 - most inputs are CSV

        return JsonLinesSource(source)
    except BaseException:
        source.close()
        raise
