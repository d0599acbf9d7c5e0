"""JSON Lines as the source of a job: the lines of a `Source`, read to records of CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from tailrace.sources.source import Source
from tailrace_core.csv_text.headers import header_line
from tailrace_core.csv_text.json_lines import JsonLines
from tailrace_core.jobs.settings import SourceFormat


class JsonLinesSource:
    """A source with a record for each line; a `tailrace.sources.record_source.RecordSource`.

    ``source`` is one of JSON Lines, and is closed with this one. ``header`` names the columns.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reader = JsonLines(source.columns)
        self.columns = source.columns
        self.header: bytes | None = header_line(source.columns).removesuffix(b"\n")

    @property
    def source_format(self) -> SourceFormat:
        """JSON Lines."""
        return SourceFormat.JSONL

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, streams and objects of the input, in order."""
        return self._source.names

    @property
    def size_hint_bytes(self) -> int | None:
        """Size of the input as stored; None when it is unknown."""
        return self._source.size_hint_bytes

    @property
    def head(self) -> bytes:
        """The first bytes of the input, as far as they were read to find its columns."""
        return self._source.head

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, out of ``size_hint_bytes``."""
        return self._source.bytes_read

    @property
    def lies_in_s3(self) -> bool:
        """True if the input is nothing but objects of S3, so that it is cut by stripes."""
        return self._source.lies_in_s3

    def boundaries(self, stripe_bytes: int) -> Sequence[int]:
        """Return the offsets in the records at which stripes of the lines begin.

        The list grows while the blocks are read, which is to begin after this call.
        """
        given = self._source.boundaries(stripe_bytes)
        self._reader = JsonLines(self.columns, boundaries=given)
        return self._reader.boundaries

    def blocks(self) -> Iterator[bytes]:
        """Read the records, in blocks as the lines come.

        Raises:
            InputError: see `Source.blocks`; or a line has more than 16 MiB.
        """
        # The reader is that of the boundaries, for which a caller may ask after the blocks.
        yield from self._reader.blocks(self._source.blocks())

    def describe_position(self, offset: int) -> str:
        """Describe an offset of the records as the place of a stretch of lines."""
        begin = self._source.describe_position(self._reader.place(offset))
        return f"in the lines from {begin.removeprefix('at ')} on"

    def known_rejects(self, first_row: int, rows: int) -> dict[int, str]:
        """Return why lines are no rows, by row, and forget it."""
        return self._reader.known_rejects(first_row, rows)

    def close(self) -> None:
        """Close the open file."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
