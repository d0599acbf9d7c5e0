"""`consume`: calls a function for each event in several threads, until the process is stopped."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tailrace.operations.results.keeper import Keeper
from tailrace.operations.results.once import BeingHandledError, OnceTable
from tailrace.operations.results.reading import ReaderCounts, Reading
from tailrace.operations.results.unknown import Event
from tailrace_core.aws.calls import Call, Steps, run

T = TypeVar("T")
SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LOG = logging.getLogger("tailrace.results")


class Consumer:
    """Runs ``handler`` for each event in ``workers`` threads.

    No event is received before a thread is free for it. An event is acknowledged when the handler
    returns. An exception of the handler is logged and hands the event back, to come again after 5
    seconds, 10, 20, and so on with each receive; then it goes to the queue's dead letters.
    """

    def __init__(
        self,
        reading: Reading,
        execute: Callable[[Call], Any],
        handler: Callable[[Event], object],
        *,
        workers: int,
        once: OnceTable | None = None,
    ) -> None:
        self._reading = reading
        self._execute = execute
        self._handler = handler
        self._workers = workers
        self._once = once
        self._free = threading.Semaphore(workers)
        self._hiding = threading.Lock()
        self._fatal: BaseException | None = None

    def run(self) -> ReaderCounts:
        """Return when `stop` was called, or the queue is empty and is not followed.

        The events in work are finished first.

        Raises:
            TailraceError: the queue cannot be read; the events in work are finished.
        """
        keeper = Keeper(self._extend, lambda: None, self._reading.beat_s)
        keeper.start()
        try:
            with ThreadPoolExecutor(self._workers, thread_name_prefix="tailrace-consume") as pool:
                self._distribute(pool)
        finally:
            keeper.end()
            self._run(self._reading.release_all())
        if self._fatal is not None:
            raise self._fatal
        return self._reading.counts

    def stop(self) -> None:
        """Receive nothing more. Safe in a signal handler."""
        self._reading.stopped = True

    def _distribute(self, pool: ThreadPoolExecutor) -> None:
        while True:
            free = self._acquire()
            try:
                if self._reading.stopped:
                    return
                found = self._run(self._reading.receive(free))
                while free and (event := self._run(self._reading.take())) is not None:
                    pool.submit(self._work, event)
                    free -= 1
            finally:
                if free:
                    self._free.release(free)
            if not found and not self._reading.options.follow:
                return

    def _acquire(self) -> int:
        """Wait until a worker is free; return how many are, and take their places."""
        self._free.acquire()
        free = 1
        while free < self._reading.options.prefetch and self._free.acquire(blocking=False):
            free += 1
        return free

    def _work(self, event: Event) -> None:
        try:
            self._handle(event)
        except Exception:  # noqa: BLE001 - logged
            # SQS could not be reached: the event comes again when its lease ends.
            _LOG.exception("%s could not be settled", event.event_id)
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fatal = exc
            self.stop()
        finally:
            self._free.release()

    def _handle(self, event: Event) -> None:
        try:
            if self._once is None:
                self._handler(event)
            else:
                with self._once.claimed(event.event_id) as fresh:
                    if fresh:
                        self._handler(event)
        except BeingHandledError as exc:
            self._nack(event, exc.retry_after_s)
        except Exception:  # noqa: BLE001 - a handler may raise anything
            delay_s = self._nack(event)
            _LOG.exception("the handler failed with %s, which comes again in %s s", event.event_id, delay_s)
        else:
            self._run(self._reading.ack(event))

    def _nack(self, event: Event, delay_s: float | None = None) -> int | None:
        with self._hiding:
            return self._run(self._reading.nack(event, delay_s))

    def _extend(self) -> None:
        with self._hiding:
            self._run(self._reading.extend())

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._execute)


@contextlib.contextmanager
def stopping_at_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first SIGTERM or SIGINT; a second one acts as before.

    Outside of the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(*_: object) -> None:
        restore()
        stop()

    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
