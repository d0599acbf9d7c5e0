"""The manifest: the objects of an input in order, divided into stripes.

Sizes are in bytes as stored, offsets in bytes of an object as stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tailrace_core.errors import InputError

MAX_STRIPES = 60_000
"""A Distributed Map passes on 256 KB, and each stripe's answer takes a few bytes of it."""
MAX_OBJECTS = 100_000
MAX_OBJECTS_PER_STRIPE = 100
"""An item of a Distributed Map has 256 KB at most, and a key up to 1 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceObject:
    """An object to read, in the version that was listed.

    ``version_id`` or else ``etag`` is demanded at every read, so that an object that changes midway
    is refused. ``etag`` is as S3 gives it, with its quotes.
    """

    bucket: str
    key: str
    size_bytes: int
    version_id: str | None = None
    etag: str | None = None

    @property
    def name(self) -> str:
        """The object's address, ``s3://bucket/key``, by which messages name it."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes from ``start`` to ``stop`` of an object, the last of the input if ``is_last``."""

    source: SourceObject
    start: int
    stop: int
    is_last: bool = False

    @property
    def reaches_end(self) -> bool:
        """True if the object ends with this piece."""
        return self.stop == self.source.size_bytes


@dataclass(frozen=True, slots=True)
class Stripe:
    """One stripe: a piece of a large object, or some whole objects; numbers count from 0.

    A record belongs to the stripe in which its first byte lies. ``of_several`` is true if the input
    has several objects; messages name the object then.
    """

    number: int
    pieces: tuple[Piece, ...]
    of_several: bool = False

    def to_json(self) -> str:
        """Serialize the stripe to one line."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    def to_dict(self) -> dict[str, Any]:
        """Return the stripe as a JSON object."""
        return {"stripe": self.number, "of_several": self.of_several, "pieces": [_stored(each) for each in self.pieces]}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Stripe:
        """Read a stripe from its JSON object."""
        return cls(stored["stripe"], tuple(map(_piece, stored["pieces"])), stored["of_several"])


def plan_stripes(objects: Sequence[SourceObject], stripe_bytes: int) -> Iterator[Stripe]:
    """Divide objects into stripes of up to ``stripe_bytes``, in order.

    A larger object is split at the multiples of ``stripe_bytes``, and each of its pieces is a
    stripe alone; smaller ones share a stripe, up to 100 of them. Sizes decide, not contents: a
    compressed object belongs whole to the stripe of its first byte, and its other stripes are
    empty.

    Raises:
        InputError: there are no objects, too many of them, or too many stripes.
    """
    check_plan(objects, stripe_bytes)
    several = len(objects) > 1
    for number, pieces in enumerate(_divided(objects, stripe_bytes)):
        yield Stripe(number, pieces, several)


def stripe_starts(objects: Sequence[SourceObject], stripe_bytes: int) -> list[list[int]]:
    """Return for each object the offsets in it, as stored, at which a stripe begins.

    Those behind 0 count only if the object is not compressed. For a submit that reads the objects
    itself.

    Raises:
        InputError: see `plan_stripes`.
    """
    check_plan(objects, stripe_bytes)
    starts: list[list[int]] = []
    for pieces in _divided(objects, stripe_bytes):
        for position, piece in enumerate(pieces):
            if piece.start == 0:
                starts.append([])
            if position == 0:
                starts[-1].append(piece.start)
    return starts


def check_plan(objects: Sequence[SourceObject], stripe_bytes: int) -> None:
    """Refuse an input that has no objects, or more of them or of stripes than one job can have.

    Raises:
        InputError: so it is; the message says what to do.
    """
    if not objects:
        raise InputError("no object is named: name one, or a prefix that holds objects")
    if len(objects) > MAX_OBJECTS:
        raise InputError(
            f"the input has {len(objects)} objects, and a job takes {MAX_OBJECTS} at most: join small ones, or submit "
            "them as several jobs"
        )
    stripes = sum(1 for _ in _divided(objects, stripe_bytes, most=MAX_STRIPES + 1))
    if stripes > MAX_STRIPES:
        raise InputError(
            f"the input has more than {MAX_STRIPES} stripes of {stripe_bytes} bytes, more than a job takes: choose "
            "larger stripes, or submit its objects as several jobs"
        )


def _divided(
    objects: Sequence[SourceObject], stripe_bytes: int, most: int | None = None
) -> Iterator[tuple[Piece, ...]]:
    """Yield the pieces of each stripe, of the first ``most`` if that is given."""
    shared: list[Piece] = []
    size = given = 0
    last = len(objects) - 1
    for position, each in enumerate(objects):
        is_large = each.size_bytes > stripe_bytes
        if shared and (is_large or size + each.size_bytes > stripe_bytes or len(shared) == MAX_OBJECTS_PER_STRIPE):
            yield tuple(shared)
            shared, size = [], 0
        if not is_large:
            shared.append(Piece(each, 0, each.size_bytes, position == last))
            size += each.size_bytes
            continue
        for start in range(0, each.size_bytes, stripe_bytes):
            given += 1
            if most is not None and given > most:
                return
            yield (Piece(each, start, min(start + stripe_bytes, each.size_bytes), position == last),)
    if shared:
        yield tuple(shared)


def _stored(piece: Piece) -> dict[str, Any]:
    stored: dict[str, Any] = source_to_dict(piece.source)
    stored |= {"start": piece.start, "stop": piece.stop}
    return {**stored, "is_last": True} if piece.is_last else stored


def _piece(stored: dict[str, Any]) -> Piece:
    return Piece(source_from_dict(stored), stored["start"], stored["stop"], stored.get("is_last", False))


def source_to_dict(source: SourceObject) -> dict[str, Any]:
    """Return an object's fields as JSON values, without those that are not known."""
    stored = {"bucket": source.bucket, "key": source.key, "size": source.size_bytes}
    known = {"version": source.version_id, "etag": source.etag}
    return stored | {name: value for name, value in known.items() if value is not None}


def source_from_dict(stored: dict[str, Any]) -> SourceObject:
    """Read the fields that `source_to_dict` gave."""
    return SourceObject(
        bucket=stored["bucket"],
        key=stored["key"],
        size_bytes=stored["size"],
        version_id=stored.get("version"),
        etag=stored.get("etag"),
    )
