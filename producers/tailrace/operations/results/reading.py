"""The decisions of a reader, as steps: when to receive, hand out, acknowledge, release and extend."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from tailrace.aws.queues import BATCH, MAX_VISIBILITY_TIMEOUT_S, QueueSteps, ReceivedMessage
from tailrace.operations.results.leases import Lease, Leases
from tailrace.operations.results.unknown import Event, OnUnknown, UnknownEvent, decode_event
from tailrace_core.aws.calls import Steps
from tailrace_core.errors import InputError, MessageError, PermanentError, TailraceError

HIDDEN_S = 120
"""Visibility timeout of an event if this reader dies, in seconds; extended while the reader lives."""
MAX_HOLD_S = 3600
"""Longest time that one event is held, in seconds: then its lease ends, and another reader gets it."""
REMEMBERED = 100_000
"""How many ids of events are remembered to drop repetitions: about 20 MB."""
POLL_S = 1
"""Longest wait of one receive, in seconds: a reader that is stopped ends with it.

A request that is given up could still receive, and hide events. Longer waits would be cheaper (an
idle reader makes 2.6 million requests a month, about one dollar) but end a stopped process too late.
"""
_MIN_HIDDEN_S = 2
_FIRST_DELAY_S = 5
_LONGEST_DELAY_S = 900
_LOG = logging.getLogger("tailrace.results")


@dataclass(slots=True)
class ReaderCounts:
    """What a reader has done so far."""

    received: int = 0
    handed_out: int = 0
    acknowledged: int = 0
    failed: int = 0
    """Events handed back with `nack`, by an exception or by the caller."""
    unknown: int = 0
    """Events of types or versions that are not known here; acknowledged."""
    unreadable: int = 0
    """Messages that are no events; left to the dead-letter queue."""
    repeated: int = 0
    """Copies of events that this reader had acknowledged; dropped."""
    lost: int = 0
    """Events whose lease ended before they were handed out or acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """The options of a reader.

    Args:
        prefetch: Most events to hold at a time, 1 to 10.
        hidden_s: Seconds that an event stays hidden from other readers if this one dies.
        max_hold_s: Seconds after which the lease of an event is no longer extended.
        on_unknown: Treatment of events of unknown types: ``skip``, ``fail`` or a function.
        on_lost: Called with an event whose lease ended before it was handed out or acknowledged.
        on_unreadable: Called with the error of a message that is no event.
        follow: Wait for more events until stopped; otherwise end when the queue is empty.
        max_events: End after this many events; no more are received.
        remembered: Ids of acknowledged events that are kept, to drop copies.
    """

    prefetch: int = 10
    hidden_s: int = HIDDEN_S
    max_hold_s: float = MAX_HOLD_S
    on_unknown: OnUnknown = "skip"
    on_lost: Callable[[Event], object] | None = None
    on_unreadable: Callable[[MessageError], object] | None = None
    follow: bool = True
    max_events: int | None = None
    remembered: int = REMEMBERED

    def __post_init__(self) -> None:
        if not 1 <= self.prefetch <= BATCH:
            raise InputError(f"prefetch is {self.prefetch}: give 1 to {BATCH} events")
        if not _MIN_HIDDEN_S <= self.hidden_s <= MAX_VISIBILITY_TIMEOUT_S:
            raise InputError(f"hidden_s is {self.hidden_s}: give {_MIN_HIDDEN_S} to {MAX_VISIBILITY_TIMEOUT_S} seconds")
        # SQS hides a message for twelve hours in all, from its receipt.
        if not 0 < self.max_hold_s <= MAX_VISIBILITY_TIMEOUT_S - self.hidden_s:
            most = MAX_VISIBILITY_TIMEOUT_S - self.hidden_s
            raise InputError(f"max_hold_s is {self.max_hold_s}: give up to {most} seconds (12 hours less hidden_s)")
        if self.on_unknown not in {"skip", "fail"} and not callable(self.on_unknown):
            raise InputError(f"on_unknown is {self.on_unknown!r}: give 'skip', 'fail' or a function")
        if self.max_events is not None and self.max_events < 1:
            raise InputError(f"max_events is {self.max_events}: give 1 or more")


def retry_delay_s(receives: int) -> int:
    """Return the seconds for which a failed event stays hidden: 5, 10, 20 … up to 900."""
    return int(min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** min(receives - 1, 16)))


class Reading:
    """Receives, hands out and settles the events of one queue. Its methods return steps to run."""

    def __init__(self, queue: QueueSteps, options: ReaderOptions, *, now: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self.options = options
        self._now = now
        self._leases = Leases(
            hidden_s=options.hidden_s, max_hold_s=options.max_hold_s, remembered=options.remembered, now=now
        )
        self._batch = 1
        self.counts = ReaderCounts()
        self.stopped = False

    @property
    def beat_s(self) -> float:
        """Seconds between two extensions of the leases."""
        return self.options.hidden_s / 3

    def next(self) -> Steps[Event | None]:
        """Return the next event; None when the reader is stopped or has come to its end."""
        while True:
            if self.stopped or self._room(BATCH) == 0:
                yield from self.release_waiting()
                return None
            event = yield from self.take()
            if event is not None:
                return event
            if not (yield from self.receive(BATCH)) and not self.options.follow:
                return None

    def receive(self, free: int) -> Steps[int]:
        """Receive up to ``free`` messages, as many as can be handed out; return how many came."""
        asked_at = self._now()
        received = yield from self._queue.receive(
            visibility_timeout_s=self.options.hidden_s, wait_s=POLL_S, max_messages=min(free, self._room(self._batch))
        )
        if received:
            self.counts.received += len(received)
            self._batch = min(self._batch * 2, self.options.prefetch)
            self._leases.add(received, asked_at)
        return len(received)

    def take(self) -> Steps[Event | None]:
        """Hand out the next event that waits; None if there is none."""
        while (lease := self._leases.take()) is not None:
            if self.stopped:
                yield from self._release(lease)
                continue
            event = yield from self._decode(lease)
            if event is None:
                continue
            if not self._leases.alive(lease):
                self._leases.drop(lease)
                self._lose(event)
                continue
            self.counts.handed_out += 1
            return event
        return None

    def ack(self, event: Event) -> Steps[None]:
        """Delete an event that is handed out; nothing if it was settled before."""
        lease = self._leases.out(event.event_id)
        if lease is None:
            return
        held = self._leases.alive(lease)
        # Even if the lease has ended: unless another reader has the event by now, this deletes it.
        yield from self._queue.delete(lease.message)
        self._leases.drop(lease)
        self._leases.finish(event.event_id)
        self.counts.acknowledged += 1
        if not held:
            self._lose(event)

    def nack(self, event: Event, delay_s: float | None = None) -> Steps[int | None]:
        """Hand an event back, to come again after ``delay_s``; by default later with each receive.

        Returns the delay in seconds; None if the event was settled before or its lease has ended.
        """
        lease = self._leases.out(event.event_id)
        if lease is None:
            return None
        seconds = retry_delay_s(lease.message.receives) if delay_s is None else int(delay_s)
        if not 0 <= seconds <= MAX_VISIBILITY_TIMEOUT_S:
            raise InputError(f"delay_s is {delay_s}: give 0 to {MAX_VISIBILITY_TIMEOUT_S} seconds")
        self._leases.drop(lease)
        self._batch = 1
        self.counts.failed += 1
        if not self._leases.alive(lease):
            self._lose(event)
            return None
        yield from self._hide([lease.message], seconds)
        return seconds

    def release(self, event: Event) -> Steps[None]:
        """Hand an event back at once, uncounted as a failure."""
        lease = self._leases.out(event.event_id)
        if lease is not None:
            yield from self._release(lease)

    def release_waiting(self) -> Steps[None]:
        """Make the events that wait here visible to other readers at once."""
        yield from self._hide([each.message for each in self._leases.drop_waiting()], 0)

    def release_all(self) -> Steps[None]:
        """Make every held event visible to other readers at once."""
        yield from self._hide([each.message for each in self._leases.drop_all()], 0)

    def extend(self) -> Steps[None]:
        """Extend the leases of held events; log if that fails, and leave it to the next time."""
        held, asked_at = self._leases.renewable(), self._now()
        if not held:
            return
        try:
            refused = yield from self._queue.change_visibility([each.message for each in held], self.options.hidden_s)
        except TailraceError as exc:
            _LOG.warning("the leases of %d events were not extended: %s", len(held), exc.message)
            return
        for lease in held:
            if lease.message.message_id not in refused:
                self._leases.renew(lease, asked_at)

    # -- inside

    def _room(self, most: int) -> int:
        """Return how many events may still be received, up to ``most`` and what is left of the bound."""
        bound = self.options.max_events
        return min(most, self.options.prefetch, *(() if bound is None else (max(0, bound - self.counts.handed_out),)))

    def _decode(self, lease: Lease) -> Steps[Event | None]:
        """Return a lease's event; settle what is not to be handed out, and return None."""
        try:
            event = decode_event(lease.message.body)
        except MessageError as exc:
            yield from self._put_back(lease)
            self.counts.unreadable += 1
            if self.options.on_unreadable is not None:
                self.options.on_unreadable(exc)
            return None
        if isinstance(event, UnknownEvent):
            yield from self._settle_unknown(lease, event)
            return None
        if self._leases.out(event.event_id) is not None:
            # A copy of an event that is being worked on: it is dropped later, once that is done.
            yield from self._put_back(lease)
            self.counts.repeated += 1
            return None
        lease.event_id = event.event_id
        if self._leases.finished(event.event_id):
            yield from self._queue.delete(lease.message)
            self._leases.drop(lease)
            self.counts.repeated += 1
            return None
        return event

    def _settle_unknown(self, lease: Lease, event: UnknownEvent) -> Steps[None]:
        if self.options.on_unknown == "fail":
            yield from self._put_back(lease)
            raise MessageError(
                f"{event} is not known to this version of tailrace; upgrade it, or read with on_unknown='skip'",
                raw=lease.message.body.encode(errors="replace"),
            )
        if self.options.on_unknown != "skip":
            try:
                self.options.on_unknown(event)
            except BaseException:
                yield from self._put_back(lease)
                raise
        yield from self._queue.delete(lease.message)
        self._leases.drop(lease)
        self.counts.unknown += 1
        _LOG.info("skipped %s", event)

    def _put_back(self, lease: Lease) -> Steps[None]:
        """Leave a message to the queue's own count of receives."""
        self._leases.drop(lease)
        yield from self._hide([lease.message], retry_delay_s(lease.message.receives))

    def _release(self, lease: Lease) -> Steps[None]:
        self._leases.drop(lease)
        if self._leases.alive(lease):
            yield from self._hide([lease.message], 0)

    def _hide(self, messages: list[ReceivedMessage], seconds: int) -> Steps[None]:
        try:
            yield from self._queue.change_visibility(messages, seconds)
        except PermanentError as exc:
            _LOG.warning("%d events come back only when their leases end: %s", len(messages), exc.message)

    def _lose(self, event: Event) -> None:
        self.counts.lost += 1
        self._batch = 1
        _LOG.warning("the lease of %s ended: another reader may have it", event.event_id)
        if self.options.on_lost is not None:
            self.options.on_lost(event)
