"""The plan of a join: which bytes of which objects each part of a multipart upload holds.

An object of at least 5 MiB is copied by S3 itself (UploadPartCopy). Smaller ones are read and
gathered into parts of 8 MiB or more, because S3 takes smaller parts at the end alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from tailrace_core.errors import InputError
from tailrace_core.objects.checksums import checksum
from tailrace_core.objects.joining.crc32 import combine

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinLimits:
    """The limits of a multipart upload; the defaults are those of S3."""

    min_part_bytes: int = 5 * MIB
    """Least size of all parts but the last."""
    max_part_bytes: int = 5 * 1024 * MIB
    copy_bytes: int = 1024 * MIB
    """Size above which an object is copied in several parts: S3 takes some ten seconds for each."""
    max_parts: int = 10_000
    gather_bytes: int = 8 * MIB
    """Least size of a gathered part, where objects are left to gather. Memory holds one."""


S3_LIMITS = JoinLimits()


@dataclass(frozen=True, slots=True)
class JoinSource:
    """An object to join."""

    key: str
    size_bytes: int
    checksum: str | None = None
    """Its checksum, in the form of `tailrace_core.objects.checksums`, if known."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """The bytes of an object from ``start`` up to ``stop``."""

    source: JoinSource
    start: int
    stop: int

    @property
    def whole(self) -> bool:
        """True if it is all of the object."""
        return self.stop - self.start == self.source.size_bytes

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPart:
    """One part of the upload: a fragment that S3 copies, or gathered ones."""

    number: int
    """Number in the upload, from 1."""
    fragments: tuple[Fragment, ...]
    head: bytes = field(default=b"", repr=False)
    """Bytes before the fragments: the header, in the first part."""
    copied: bool = False

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return len(self.head) + sum(each.size_bytes for each in self.fragments)


@dataclass(frozen=True)
class JoinPlan:
    """The parts whose concatenation is ``head`` and the sources, in order."""

    head: bytes = field(repr=False)
    sources: tuple[JoinSource, ...] = field(repr=False)
    parts: tuple[JoinPart, ...] = field(repr=False)

    @property
    def size_bytes(self) -> int:
        """Size of the whole object."""
        return len(self.head) + sum(each.size_bytes for each in self.sources)

    @property
    def single_request(self) -> bool:
        """True if the object is small enough to be written at once, without a multipart upload."""
        return not self.parts or (len(self.parts) == 1 and not self.parts[0].copied)

    @cached_property
    def checksum(self) -> str | None:
        """Checksum of the whole object; None if that of a source is not known."""
        pieces = [(checksum(self.head), len(self.head))]
        for each in self.sources:
            if each.checksum is None:
                return None
            pieces.append((each.checksum, each.size_bytes))
        return f"crc32:{combine((int(text.removeprefix('crc32:'), 16), size) for text, size in pieces):08x}"


def plan_join(sources: Sequence[JoinSource], *, head: bytes = b"", limits: JoinLimits = S3_LIMITS) -> JoinPlan:
    """Plan the upload of ``head`` and the sources, in order, as one object.

    The same arguments give the same plan, so that an interrupted upload can be continued.

    Raises:
        InputError: the result is larger than S3 takes.
    """
    size_bytes = len(head) + sum(each.size_bytes for each in sources)
    # All parts but the last have at least this size, so there are not too many.
    least = max(limits.min_part_bytes, -(-size_bytes // (limits.max_parts - 1)))
    if 2 * least > limits.max_part_bytes:
        raise InputError(f"the result has {size_bytes} bytes, more than an object of S3 holds: read its parts instead")
    most = min(max(limits.copy_bytes, 2 * least), limits.max_part_bytes)
    planner = _Planner(head, least, max(limits.gather_bytes, least), most)
    for source in sources:
        planner.add(source)
    planner.flush()
    return JoinPlan(head, tuple(sources), tuple(planner.parts))


class _Planner:
    def __init__(self, head: bytes, least: int, gather_bytes: int, max_part_bytes: int) -> None:
        self.parts: list[JoinPart] = []
        self._least = least
        self._gather_bytes = gather_bytes
        self._max_part_bytes = max_part_bytes
        self._head = head
        self._waiting: list[Fragment] = []
        self._waiting_bytes = len(head)

    def add(self, source: JoinSource) -> None:
        """Plan the next source."""
        # A part before a copy has to have the least size itself: the copied object's beginning
        # fills it up.
        start = max(0, self._least - self._waiting_bytes) if self._waiting_bytes else 0
        if source.size_bytes - start < self._least:
            self._gather(Fragment(source, 0, source.size_bytes))
            return
        self._gather(Fragment(source, 0, start))
        self.flush()
        for fragment in _even(source, start, self._max_part_bytes):
            self.parts.append(JoinPart(number=len(self.parts) + 1, fragments=(fragment,), copied=True))

    def flush(self) -> None:
        """End the gathered part."""
        if self._waiting_bytes:
            part = JoinPart(number=len(self.parts) + 1, fragments=tuple(self._waiting), head=self._head)
            self.parts.append(part)
        self._head, self._waiting, self._waiting_bytes = b"", [], 0

    def _gather(self, fragment: Fragment) -> None:
        if fragment.size_bytes:
            self._waiting.append(fragment)
            self._waiting_bytes += fragment.size_bytes
            if self._waiting_bytes >= self._gather_bytes:
                self.flush()


def _even(source: JoinSource, start: int, most: int) -> list[Fragment]:
    """Divide the source from ``start`` on into fragments of about the same size."""
    count = -(-(source.size_bytes - start) // most)
    edges = [start + (source.size_bytes - start) * number // count for number in range(count + 1)]
    return [Fragment(source, one, other) for one, other in pairwise(edges)]
