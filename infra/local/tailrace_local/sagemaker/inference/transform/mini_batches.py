"""Mini-batches: the payloads of an object's requests."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from tailrace_local.sagemaker.errors import StorageError
from tailrace_local.sagemaker.inference.transform.jobs import Limits
from tailrace_local.sagemaker.messages.payload import BLOCK_BYTES, Payload


class OversizeError(Exception):
    """A record, or an object that is not split, is larger than MaxPayloadInMB."""


def decompressed(body: Payload, location: str, spool_dir: Path) -> Payload:
    """Return a decompressed copy of a gzip payload. Raises StorageError if it is none."""
    copy = Payload(spool_dir, body.content_type)
    try:
        with gzip.open(body.file()) as stream:
            while block := stream.read(BLOCK_BYTES):
                copy.write(block)
    except (OSError, EOFError, zlib.error) as error:
        copy.close()
        raise StorageError(f"{location}: not a gzip file: {error}") from error
    return copy


def split_lines(body: Payload, limits: Limits) -> Iterator[bytes]:
    """Yield the lines of `body` in mini-batches: single ones, or as many as the limit holds.

    Each keeps its newlines. Empty lines are records, too. A payload limit of 0 is none.

    Raises:
        OversizeError: a line is larger than the limit.
    """
    batch: list[bytes] = []
    size = 0
    for line in body.file():
        if limits.payload_bytes and len(line) > limits.payload_bytes:
            raise OversizeError(f"a record of {len(line)} bytes exceeds MaxPayloadInMB")
        full = limits.payload_bytes and size + len(line) > limits.payload_bytes
        if batch and (limits.single_record or full):
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield b"".join(batch)
