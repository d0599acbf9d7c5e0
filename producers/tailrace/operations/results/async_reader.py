"""The async reader: `ResultsReader` with coroutines, to be used in ``async with``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Self, TypeVar

from tailrace.operations.results.opening import OpenedQueue
from tailrace.operations.results.parts import (
    BLOCK_BYTES,
    PartProof,
    proved,
    require_part,
    streamed_part_call,
    whole_part_call,
)
from tailrace.operations.results.reading import ReaderCounts, Reading
from tailrace.operations.results.unknown import Event
from tailrace_core.aws.calls import Call, Steps, run_async
from tailrace_core.errors import InputError, TailraceError

T = TypeVar("T")
ExecuteAsync = Callable[[Call], Awaitable[Any]]


class AsyncResultsReader:
    """`tailrace.ResultsReader` with coroutines; see there for what acknowledges and what releases.

        async with client.results() as reader:
            async for event in reader:
                await handle(event)

    A task of the event loop extends the leases: a handler that blocks the loop keeps it from that,
    and loses its events. A cancelled task releases its event at once.
    """

    def __init__(self, open_queue: Callable[[], Awaitable[OpenedQueue]], execute: ExecuteAsync) -> None:
        self._open_queue = open_queue
        self._execute = execute
        self._opened: OpenedQueue | None = None
        self._entered = False
        self._current: Event | None = None
        self._hiding = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._ending = asyncio.Event()
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeping: tuple[asyncio.Task[None], ...] = ()

    @property
    def counts(self) -> ReaderCounts:
        """What the reader has done so far."""
        return ReaderCounts() if self._opened is None else self._opened.reading.counts

    def __aiter__(self) -> Self:
        """Return the reader itself."""
        return self

    async def __anext__(self) -> Event:
        """Acknowledge the current event, and return the next one.

        Raises:
            InputError: the reader is not used in ``async with``.
            MessageError: an event of an unknown type, with ``on_unknown="fail"``.
        """
        if self._current is not None:
            await self.ack(self._current)
        self._current = await self._next()
        if self._current is None:
            raise StopAsyncIteration
        return self._current

    async def ack(self, event: Event) -> None:
        """Acknowledge an event: it does not come again. Nothing if it was settled before."""
        await self._run(self._reading.ack(event))

    async def nack(self, event: Event, delay_s: float | None = None) -> None:
        """Hand an event back; see `ResultsReader.nack`."""
        async with self._hiding:
            await self._run(self._reading.nack(event, delay_s))

    async def part(self, event: Event) -> bytes:
        """Return the part of a `PartReady`; see `ResultsReader.part`."""
        described = require_part(event)
        if described.body is not None:
            return proved(described, described.body.encode())
        return proved(described, await self._execute(whole_part_call(described, self._bucket)))

    async def open_part(self, event: Event) -> AsyncGenerator[bytes, None]:
        """Yield the part of a `PartReady` in blocks; close it (`contextlib.aclosing`) if you stop early.

        Raises `ContractError` at its end if the part is damaged. Use nothing of it before that.
        """
        described = require_part(event)
        if described.body is not None:
            yield proved(described, described.body.encode())
            return
        answer = await self._execute(streamed_part_call(described, self._bucket))
        proof = PartProof(described)
        with contextlib.closing(answer["Body"]) as body:
            while data := await body.read(BLOCK_BYTES):
                proof.update(data)
                yield data
        proof.finish()

    def stop(self) -> None:
        """End the loop after the current event, and release what waits. Safe in a signal handler."""
        self._stopped = True
        if self._opened is not None:
            self._opened.reading.stopped = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def extend(self) -> None:
        """Extend the leases of held events, as the reader's task does."""
        async with self._hiding:
            await self._run(self._reading.extend())

    async def __aenter__(self) -> Self:
        self._opened = await self._open_queue()
        self._entered = True
        self._loop = asyncio.get_running_loop()
        if self._stopped:
            self.stop()
        self._keeping = (asyncio.create_task(self._keep()), asyncio.create_task(self._release_when_stopped()))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # A beat under way ends first, as it could hide what is released here.
        self._ending.set()
        self._stopping.set()
        await asyncio.gather(*self._keeping)
        reading, self._entered, self._loop = self._reading, False, None
        current, self._current = self._current, None
        try:
            if current is not None and isinstance(error, Exception):
                await self._run(reading.nack(current))
            await self._run(reading.release_all())
        except TailraceError:
            if error is None:
                raise

    # -- inside

    async def _next(self) -> Event | None:
        # Shielded: a cancelled receive would hide events that nobody holds.
        reading = self._reading
        following = asyncio.ensure_future(self._run(reading.next()))
        try:
            return await asyncio.shield(following)
        except asyncio.CancelledError:
            with contextlib.suppress(TailraceError):
                await self._give_up(reading, following)
            raise

    async def _give_up(self, reading: Reading, following: asyncio.Future[Event | None]) -> None:
        """Let a receive end, and release what it brings; the reader can go on later."""
        stopped, reading.stopped = reading.stopped, True
        try:
            if (event := await following) is not None:
                await self._run(reading.release(event))
        finally:
            reading.stopped = stopped or self._stopped

    async def _keep(self) -> None:
        while not self._ending.is_set():
            try:
                await asyncio.wait_for(self._ending.wait(), self._reading.beat_s)
            except TimeoutError:
                await self.extend()

    async def _release_when_stopped(self) -> None:
        await self._stopping.wait()
        if not self._ending.is_set():
            async with self._hiding:
                await self._run(self._reading.release_waiting())

    @property
    def _reading(self) -> Reading:
        return self._require_opened().reading

    @property
    def _bucket(self) -> str:
        return self._require_opened().bucket

    def _require_opened(self) -> OpenedQueue:
        if self._opened is None or not self._entered:
            raise InputError("use the reader in `async with client.results() as reader:`; outside nothing is kept")
        return self._opened

    async def _run(self, steps: Steps[T]) -> T:
        return await run_async(steps, self._execute)
