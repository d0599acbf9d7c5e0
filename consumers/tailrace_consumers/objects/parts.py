"""Parts, written once: a later writer reads the existing part and publishes what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tailrace_consumers.ports import ObjectStore
from tailrace_core.errors import ContractError, TransientError
from tailrace_core.jobs.model import Chunk
from tailrace_core.messages.events import INLINE_BYTES
from tailrace_core.objects import keys
from tailrace_core.objects.checksums import Checksum

_REJECTED = "tailrace-rejected"
_NOT_ISOLATED = "tailrace-not-isolated"
_CHECKSUM = "tailrace-checksum"


@dataclass(frozen=True, slots=True)
class Part:
    """A part in the bucket."""

    rejected: int
    size_bytes: int
    checksum: str
    body: bytes | None
    """The part's bytes when it is small enough to be part of its event."""
    mine: bool
    """True when this caller wrote the part."""
    not_isolated: int = 0
    """Number of the rejected rows whose split budget was spent before they were tried alone."""


class Parts:
    """Writes parts, and finds parts that others wrote."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def write(self, chunk: Chunk, blocks: Iterable[bytes], *, rejected: int, not_isolated: int = 0) -> Part:
        """Write the chunk's part unless one exists; return the part that exists afterwards.

        Raises what reading ``blocks`` raises; nothing is written then.
        """
        key = keys.part_key(chunk.job_id, chunk.range)
        checksummed = _ChecksummedBlocks(blocks, chunk, rejected, not_isolated)
        if self._store.put_new(key, checksummed, checksummed.metadata):
            return Part(
                rejected,
                checksummed.checksum.size_bytes,
                str(checksummed.checksum),
                checksummed.body,
                mine=True,
                not_isolated=not_isolated,
            )
        found = self.find(chunk)
        if found is None:
            raise TransientError(f"{self._store.locate(key)} existed a moment ago and does not any more; try again")
        return found

    def find(self, chunk: Chunk) -> Part | None:
        """Return the chunk's part; None when it does not exist."""
        key = keys.part_key(chunk.job_id, chunk.range)
        stored = self._store.head(key)
        if stored is None:
            return None
        try:
            rejected = int(stored.metadata[_REJECTED])
            not_isolated = int(stored.metadata.get(_NOT_ISOLATED, "0"))
        except (KeyError, ValueError) as exc:
            raise ContractError(f"{self._store.locate(key)} was not written by Tailrace: it lacks {_REJECTED}") from exc
        small = stored.size_bytes <= INLINE_BYTES
        checksum = stored.metadata.get(_CHECKSUM)
        body = None
        if small or checksum is None:
            # A large part's metadata is written before its checksum is known.
            checksummed = _ChecksummedBlocks(self._store.read(key), chunk, rejected)
            for _ in checksummed:
                pass
            checksum, body = str(checksummed.checksum), checksummed.body
        return Part(rejected, stored.size_bytes, checksum, body, mine=False, not_isolated=not_isolated)


class _ChecksummedBlocks:
    """Passes blocks on while computing their checksum, and keeps the bytes of a small part."""

    def __init__(self, blocks: Iterable[bytes], chunk: Chunk, rejected: int, not_isolated: int = 0) -> None:
        self._blocks = blocks
        self._facts = {"tailrace-rows": str(chunk.range.rows), _REJECTED: str(rejected)}
        if not_isolated:
            self._facts[_NOT_ISOLATED] = str(not_isolated)
        self._small: list[bytes] = []
        self._ended = False
        self.checksum = Checksum()

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self.checksum.update(block)
            if self.checksum.size_bytes <= INLINE_BYTES:
                self._small.append(block)
            else:
                self._small.clear()
            yield block
        self._ended = True

    @property
    def body(self) -> bytes | None:
        return b"".join(self._small) if self._ended and self.checksum.size_bytes <= INLINE_BYTES else None

    def metadata(self) -> Mapping[str, str]:
        return {**self._facts, _CHECKSUM: str(self.checksum)} if self._ended else self._facts
