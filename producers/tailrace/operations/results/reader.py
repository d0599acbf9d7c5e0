"""The sync reader: yields each event of a queue once, and acknowledges it when the caller is done.

Delivery is at least once: if a reader dies before it acknowledges, it or another reader of the same
queue gets the event again. Within one reader, a copy of an acknowledged event is dropped.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any, Self, TypeVar, cast

from tailrace.operations.results.keeper import Keeper
from tailrace.operations.results.parts import PartStream, proved, require_part, streamed_part_call, whole_part_call
from tailrace.operations.results.reading import ReaderCounts, Reading
from tailrace.operations.results.unknown import Event
from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.errors import InputError, TailraceError

T = TypeVar("T")
MakeKeeper = Callable[[Callable[[], None], Callable[[], None], float], Keeper]


class ResultsReader:
    """Iterates over the events of a queue; to be used in ``with``.

        with client.results() as reader:
            for event in reader:
                handle(event)

    - Going on to the next event acknowledges the one before, unless `ack` or `nack` settled it. It
      makes no difference whether the same loop goes on or another one over the same reader.
    - An exception that leaves the ``with`` block hands the current event back, to come again after
      5 seconds, 10, 20, and so on with each receive. Leaving the block without one (``break``), by
      Ctrl-C or by `SystemExit` releases it at once. Events that wait behind it are always released
      at once.
    - `stop` ends the loop after the current event, and releases what waits at once.
    - A thread extends the leases of held events. An event whose lease ended all the same (the
      process was suspended, or the event held for ``max_hold_s``) is not handed out: ``on_lost`` is
      called with it. It is also called when such an event is acknowledged: it may come again.
    - The first receive takes one event, each further one twice as many, up to ``prefetch``; after a
      failure, one.
    """

    def __init__(
        self,
        reading: Reading,
        execute: Callable[[Call], Any],
        *,
        bucket: str,
        make_keeper: MakeKeeper = Keeper,
    ) -> None:
        self._reading = reading
        self._execute = execute
        self._bucket = bucket
        self._current: Event | None = None
        self._entered = False
        # A lease that is being released must not be extended meanwhile.
        self._hiding = threading.Lock()
        self._keeper = make_keeper(self.extend, self._release_waiting, reading.beat_s)

    @property
    def counts(self) -> ReaderCounts:
        """What the reader has done so far."""
        return self._reading.counts

    def __iter__(self) -> Self:
        """Return the reader itself."""
        return self

    def __next__(self) -> Event:
        """Acknowledge the current event, and return the next one.

        Raises:
            InputError: the reader is not used in ``with``.
            MessageError: an event of an unknown type, with ``on_unknown="fail"``.
        """
        self._require_entered()
        self.acknowledge()
        self._current = self._run(self._reading.next())
        if self._current is None:
            raise StopIteration
        return self._current

    def ack(self, event: Event) -> None:
        """Acknowledge an event: it does not come again. Nothing if it was settled before."""
        self._require_entered()
        self._run(self._reading.ack(event))

    def acknowledge(self) -> None:
        """Acknowledge the current event."""
        if self._current is not None:
            self.ack(self._current)
            self._current = None

    def nack(self, event: Event, delay_s: float | None = None) -> None:
        """Hand an event back: it comes again after ``delay_s`` seconds (up to 43,200).

        By default after 5 seconds, 10, 20, and so on with each receive, up to 900. After the
        queue's maximum number of receives it goes to the dead-letter queue.
        """
        self._require_entered()
        with self._hiding:
            self._run(self._reading.nack(event, delay_s))

    def part(self, event: Event) -> bytes:
        """Return the part of a `PartReady`: its lines, without a header.

        Raises:
            ContractError: the part is not the one that the event describes (size, checksum, place).
            InputError: the event has no part.
            NotFoundError: the part has been deleted, by the bucket's lifecycle rules say.
        """
        described = require_part(event)
        if described.body is not None:
            return proved(described, described.body.encode())
        return proved(described, self._execute(whole_part_call(described, self._bucket)))

    def open_part(self, event: Event) -> IO[bytes]:
        """Open the part of a `PartReady` as a binary stream; close it, or use it in ``with``.

        The read that comes to the end raises `ContractError` if the part is damaged. Use nothing of
        it before that.
        """
        described = require_part(event)
        if described.body is not None:
            return io.BytesIO(proved(described, described.body.encode()))
        answer = self._execute(streamed_part_call(described, self._bucket))
        return cast("IO[bytes]", io.BufferedReader(PartStream(described, answer["Body"])))

    def stop(self) -> None:
        """End the loop after the current event, and release what waits. Safe in a signal handler."""
        self._reading.stopped = True
        self._keeper.release_soon()

    def extend(self) -> None:
        """Extend the leases of held events, as the reader's thread does."""
        with self._hiding:
            self._run(self._reading.extend())

    def __enter__(self) -> Self:
        self._entered = True
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeper.end()
        self._entered = False
        current, self._current = self._current, None
        try:
            if current is not None and isinstance(error, Exception):
                self._run(self._reading.nack(current))
            self._run(self._reading.release_all())
        except TailraceError:
            if error is None:
                raise

    # -- inside

    def _release_waiting(self) -> None:
        with self._hiding:
            self._run(self._reading.release_waiting())

    def _require_entered(self) -> None:
        if not self._entered:
            raise InputError("use the reader in `with client.results() as reader:`; outside nothing is kept")

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._execute)
