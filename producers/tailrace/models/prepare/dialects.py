"""Inputs in other dialects, encodings and formats, read as CSV in UTF-8 separated by commas.

The text of each field stays the same; it is quoted anew where CSV needs it. A row with too many or
too few fields, a blank line and a NUL character pass, for the checks that follow to name. Whatever
is no text of the dialect is an error.
"""

from __future__ import annotations

import codecs
import csv
import io
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from tailrace.models.prepare.polars_extra import pl
from tailrace.models.prepare.recipes.recipe import InputDialect
from tailrace.sources.block_reader import BlockReader
from tailrace.sources.names import Names, source_names
from tailrace.sources.origins import OpenObject, Origin, Readable
from tailrace.sources.resolving import resolve_all
from tailrace.sources.tables import polars_csv
from tailrace.sources.tables.recognition import header
from tailrace_core.compression.decompression import BLOCK_BYTES, decompress
from tailrace_core.errors import InputError

_PARQUET = b"PAR1"
_BATCH_ROWS = 50_000
_FIELD_BYTES = 128 * 1024 * 1024
_BOM = "\ufeff"


def origins(
    sources: Names,
    dialect: InputDialect,
    *,
    stdin: IO[bytes] | None = None,
    s3: OpenObject | None = None,
    pattern: str | None = None,
) -> list[Origin]:
    """Return the origins of an input, each as CSV in UTF-8 separated by commas.

    Raises:
        InputError: a name does not exist, or is a Parquet file that is no local file.
    """
    stdin = stdin or getattr(sys.stdin, "buffer", None)
    found = resolve_all(source_names(sources), stdin=stdin, s3=s3, pattern=pattern)
    return [_read_as(origin, dialect) for origin in found]


def _read_as(origin: Origin, dialect: InputDialect) -> Origin:
    if origin.is_table:
        return origin
    if _is_parquet(origin):
        return replace(origin, open=partial(_open_parquet, origin.name), size_bytes=None, is_table=True)
    if dialect.is_native:
        return origin
    return replace(origin, open=lambda: BlockReader(_converted(origin, dialect)), size_bytes=None)


def _is_parquet(origin: Origin) -> bool:
    if not origin.reopenable or not Path(origin.name).is_file():
        if origin.name.lower().endswith(".parquet"):
            raise remote_parquet(origin.name)
        return False
    with Path(origin.name).open("rb") as file:
        return file.read(len(_PARQUET)) == _PARQUET


def remote_parquet(name: str) -> InputError:
    """Return the error for Parquet that is no file on this machine."""
    return InputError(f"{name} is Parquet, which is read from local files only: download it first")


def _open_parquet(name: str) -> Readable:
    return BlockReader(_parquet(name))


def _parquet(name: str) -> Generator[bytes, None, None]:
    try:
        table = pl.scan_parquet(name, glob=False)
        names: Sequence[str] = table.collect_schema().names()
        if not names:
            raise InputError(f"{name} has no columns: give a table with rows")
        yield header(names)
        for batch in table.collect_batches(chunk_size=max(1, _BATCH_ROWS * 10 // len(names)), maintain_order=True):
            yield from polars_csv.records(batch, _BATCH_ROWS, name)
    except pl.exceptions.PolarsError as exc:
        raise InputError(f"{name} cannot be read as Parquet: {exc}") from exc


def _converted(origin: Origin, dialect: InputDialect) -> Generator[bytes, None, None]:
    """Yield the input as CSV in blocks of about 1 MiB."""
    stream = origin.open()
    try:
        if dialect.delimiter == "," and dialect.quote == '"':
            yield from (text.encode() for text in _decoded(stream, origin.name, dialect))
            return
        yield from _rewritten(stream, origin.name, dialect)
    finally:
        stream.close()


def _rewritten(stream: Readable, name: str, dialect: InputDialect) -> Iterator[bytes]:
    lines = _Lines(_decoded(stream, name, dialect))
    options: dict[str, Any] = {"delimiter": dialect.delimiter, "strict": True}
    if dialect.quote is None:
        options["quoting"] = csv.QUOTE_NONE
    else:
        options["quotechar"] = dialect.quote
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_BYTES))
    reader = csv.reader(lines, **options)
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    records = 0
    try:
        for fields in reader:
            records += 1
            if fields == [""]:
                written.write('""\n')
            elif any("\r" in field for field in fields):
                # Python's csv module before 3.13 does not quote a lone carriage return.
                csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(fields)
            elif fields:
                writer.writerow(fields)
            else:
                written.write("\n")
            if written.tell() >= BLOCK_BYTES:
                yield written.getvalue().encode()
                written.seek(0)
                written.truncate()
    except csv.Error as exc:
        raise InputError(
            f"{name} is no CSV of this dialect: record {records + 1} (line {reader.line_num}) cannot be read ({exc}); "
            "fix it, or name another delimiter or quote under [input]"
        ) from exc
    yield written.getvalue().encode()


def _decoded(stream: Readable, name: str, dialect: InputDialect) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(dialect.encoding)()
    offset = 0
    is_first = True
    try:
        for block in decompress(iter(lambda: stream.read(BLOCK_BYTES), b""), name):
            text = decoder.decode(block)
            offset += len(block)
            if is_first and text:
                text = text.removeprefix(_BOM)
                is_first = False
            yield text
        yield decoder.decode(b"", final=True)
    except UnicodeError as exc:
        at = f" near byte {offset + getattr(exc, 'start', 0)}"
        raise InputError(
            f"{name} is not {dialect.encoding}{at}: {getattr(exc, 'reason', exc)}; name its encoding under "
            '[input], for instance encoding = "latin-1"'
        ) from exc


class _Lines:
    """The lines of a text in pieces, ended by newlines alone: a lone carriage return ends none."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[str]:
        left = ""
        for piece in self._pieces:
            lines = (left + piece).split("\n")
            left = lines.pop()
            for line in lines:
                yield line + "\n"
        if left:
            yield left
