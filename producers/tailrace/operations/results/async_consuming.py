"""`consume` with coroutines: calls a coroutine function for each event, several at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from tailrace.operations.results.once import BeingHandledError, OnceTable
from tailrace.operations.results.reading import ReaderCounts, Reading
from tailrace.operations.results.unknown import Event
from tailrace_core.aws.calls import Call, Steps, run_async
from tailrace_core.errors import TailraceError

T = TypeVar("T")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LOG = logging.getLogger("tailrace.results")


class AsyncConsumer:
    """`Consumer` with tasks of the event loop instead of threads."""

    def __init__(
        self,
        reading: Reading,
        execute: Callable[[Call], Awaitable[Any]],
        handler: Callable[[Event], Awaitable[object]],
        *,
        workers: int,
        once: OnceTable | None = None,
    ) -> None:
        self._reading = reading
        self._execute = execute
        self._handler = handler
        self._workers = workers
        self._once = once
        self._tasks: set[asyncio.Task[None]] = set()
        self._hiding = asyncio.Lock()
        self._ending = asyncio.Event()

    async def run(self) -> ReaderCounts:
        """Return when `stop` was called, or the queue is empty and is not followed.

        The events in work are finished first. When it is cancelled, they are cancelled and
        released.
        """
        keeping = asyncio.create_task(self._keep())
        try:
            await self._distribute()
            await asyncio.gather(*self._tasks)
        except asyncio.CancelledError:
            self.stop()
            for task in self._tasks:
                task.cancel()
            raise
        finally:
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._ending.set()
            await keeping
            with contextlib.suppress(TailraceError):
                await self._run(self._reading.release_all())
        return self._reading.counts

    def stop(self) -> None:
        """Receive nothing more."""
        self._reading.stopped = True

    async def _distribute(self) -> None:
        while not self._reading.stopped:
            if len(self._tasks) >= self._workers:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                continue
            # Shielded: a cancelled receive would hide events that nobody holds.
            receiving = asyncio.ensure_future(self._run(self._reading.receive(self._workers - len(self._tasks))))
            try:
                found = await asyncio.shield(receiving)
            except asyncio.CancelledError:
                with contextlib.suppress(TailraceError):
                    await receiving
                raise
            while (event := await self._run(self._reading.take())) is not None:
                task = asyncio.create_task(self._work(event))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if not found and not self._reading.options.follow:
                return

    async def _work(self, event: Event) -> None:
        try:
            await self._handle(event)
        except TailraceError:
            # SQS could not be reached: the event comes again when its lease ends.
            _LOG.exception("%s could not be settled", event.event_id)

    async def _handle(self, event: Event) -> None:
        try:
            await (self._handler(event) if self._once is None else self._handle_once(event, self._once))
        except BeingHandledError as exc:
            await self._nack(event, exc.retry_after_s)
        except Exception:  # noqa: BLE001 - a handler may raise anything
            delay_s = await self._nack(event)
            _LOG.exception("the handler failed with %s, which comes again in %s s", event.event_id, delay_s)
        else:
            await self._run(self._reading.ack(event))

    async def _handle_once(self, event: Event, once: OnceTable) -> None:
        if not await asyncio.to_thread(once.begin, event.event_id):
            return
        try:
            await self._handler(event)
        except Exception as exc:
            await asyncio.to_thread(once.fail, event.event_id, exc)
            raise
        await asyncio.to_thread(once.succeed, event.event_id)

    async def _nack(self, event: Event, delay_s: float | None = None) -> int | None:
        async with self._hiding:
            return await self._run(self._reading.nack(event, delay_s))

    async def _keep(self) -> None:
        while not self._ending.is_set():
            try:
                await asyncio.wait_for(self._ending.wait(), self._reading.beat_s)
            except TimeoutError:
                async with self._hiding:
                    await self._run(self._reading.extend())

    async def _run(self, steps: Steps[T]) -> T:
        return await run_async(steps, self._execute)


@contextlib.contextmanager
def stopping_at_loop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` in the running loop at the first SIGTERM or SIGINT; a second one acts as usual.

    Outside of the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    # A loop's handlers replace those of `signal`, `asyncio.run`'s of Ctrl-C among them.
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            if loop.remove_signal_handler(number):
                signal.signal(number, handler)

    def handle() -> None:
        restore()
        stop()

    for number in _SIGNALS:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        restore()
