"""Runs: neighbouring stripes of one large object, which one call of a function takes.

A call reads its run in one request, and stores or records together what it finds. A line of
``stripes.jsonl`` or ``starts.jsonl`` is a run. One of a single stripe is stored as the stripe, as
all were by earlier versions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from tailrace_core.submission.striping.manifest import SourceObject, Stripe
from tailrace_core.submission.striping.reading import StripeStart

COUNTED_TOGETHER = 8
CUT_TOGETHER = 6
"""Most stripes of a run: of 128 MiB, one core counts eight, and cuts six, in some 10 to 20 s."""
_RUN = "stripes"


class Stretch(NamedTuple):
    """A range of bytes of an object that is not compressed, as far as is known."""

    source: SourceObject
    start: int
    stop: int


class Storable(Protocol):
    """A stripe, its start or its counts."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""


T = TypeVar("T")


def runs_of_stripes(stripes: Iterable[Stripe]) -> Iterator[list[Stripe]]:
    """Group the stripes of an input, in order, by the calls that count them."""
    return _runs(stripes, stretch_of_stripe, COUNTED_TOGETHER)


def runs_of_starts(starts: Iterable[StripeStart]) -> Iterator[list[StripeStart]]:
    """Group the starts of an input, in order, by the calls that cut them."""
    return _runs(starts, stretch_of_start, CUT_TOGETHER)


def stretch_of_stripe(stripe: Stripe) -> Stretch | None:
    """Return the bytes of a stripe; None if it has several objects."""
    if len(stripe.pieces) != 1:
        return None
    (piece,) = stripe.pieces
    return Stretch(piece.source, piece.start, piece.stop)


def stretch_of_start(start: StripeStart) -> Stretch | None:
    """Return the bytes of a stripe's records; None if they are not one range of plain bytes."""
    if len(start.ranges) != 1:
        return None
    (found,) = start.ranges
    return None if found.is_compressed or found.stop is None else Stretch(found.source, found.start, found.stop)


def run_to_json(run: Sequence[Storable]) -> str:
    """Serialize a run to one line, an item of the Distributed Map."""
    stored = [each.to_dict() for each in run]
    return json.dumps(stored[0] if len(stored) == 1 else {_RUN: stored}, ensure_ascii=False, separators=(",", ":"))


def run_from_dict(stored: dict[str, Any], read: Callable[[dict[str, Any]], T]) -> list[T]:
    """Read a run from its JSON object; ``read`` reads one of its stripes."""
    return [read(each) for each in stored.get(_RUN, (stored,))]


def _runs(stripes: Iterable[T], stretch_of: Callable[[T], Stretch | None], most: int) -> Iterator[list[T]]:
    run: list[T] = []
    for each in stripes:
        if run and (len(run) == most or not _adjoin(stretch_of(run[-1]), stretch_of(each))):
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def _adjoin(left: Stretch | None, right: Stretch | None) -> bool:
    return left is not None and right is not None and (left.source, left.stop) == (right.source, right.start)
