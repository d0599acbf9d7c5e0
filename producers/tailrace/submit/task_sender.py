"""Sends chunks with tasks of one event loop; the input is read and cut in a thread meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import Any

from tailrace.submit.async_byte_budget import AsyncByteBudget
from tailrace.submit.steps import ChunkSteps, ChunkTask
from tailrace_core.aws.calls import Call, run_async
from tailrace_core.jobs.model import Chunk


class _StoppedError(Exception):
    """Another chunk failed; this one is given up."""


class TaskSender:
    """Carries out work with ``concurrency`` tasks and at most about ``bytes_in_flight`` bytes held.

    `send_all` is for a thread beside the loop's, as the rest of a submit is: it waits there while the loop works.
    """

    def __init__(
        self,
        execute: Callable[[Call], Any],
        loop: asyncio.AbstractEventLoop,
        cutters: Executor,
        *,
        concurrency: int,
        bytes_in_flight: int,
    ) -> None:
        self._execute = execute
        self._loop = loop
        self._cutters = cutters
        self._concurrency = concurrency
        self._bytes_in_flight = bytes_in_flight

    def send_all(self, steps: ChunkSteps, works: Iterable[ChunkTask], on_sent: Callable[[ChunkTask], None]) -> None:
        """Send everything; raises the first error after what was under way has come to an end."""
        sending = _Sending(steps, self._execute, self._concurrency, self._bytes_in_flight, on_sent)
        asyncio.run_coroutine_threadsafe(sending.run(iter(works), self._cutters), self._loop).result()


class _Sending:
    """The sending of one job."""

    def __init__(
        self,
        steps: ChunkSteps,
        execute: Callable[[Call], Any],
        concurrency: int,
        bytes_in_flight: int,
        on_sent: Callable[[ChunkTask], None],
    ) -> None:
        self._steps = steps
        self._execute = execute
        self._budget = AsyncByteBudget(bytes_in_flight)
        self._slots = asyncio.Semaphore(concurrency)
        self._on_sent = on_sent
        self._error: BaseException | None = None

    async def run(self, works: Iterator[ChunkTask], cutters: Executor) -> None:
        loop = asyncio.get_running_loop()
        before: asyncio.Future[bool] = loop.create_future()
        before.set_result(True)
        tasks: set[asyncio.Task[None]] = set()
        try:
            while self._error is None:
                work = await loop.run_in_executor(cutters, next, works, None)
                if work is None:
                    break
                await self._budget.acquire(work.plan.held_bytes)
                recorded: asyncio.Future[bool] = loop.create_future()
                task = loop.create_task(self._send(work, before, recorded))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                before = recorded
        except BaseException as exc:  # noqa: BLE001 - raised below, when the tasks have ended
            self._fail(exc)
        while tasks:
            await asyncio.wait(set(tasks))
        if self._error is not None:
            raise self._error

    async def _send(self, work: ChunkTask, before: asyncio.Future[bool], recorded: asyncio.Future[bool]) -> None:
        try:
            async with self._slots:
                chunk = await self._record(work, before)
                recorded.set_result(True)
                if chunk is not None:
                    await run_async(self._steps.invoke(chunk), self._execute)
                self._on_sent(work)
        except BaseException as exc:  # noqa: BLE001 - raised where the work came from
            self._fail(exc)
        finally:
            if not recorded.done():
                recorded.set_result(False)
            await self._budget.release(work.plan.held_bytes)

    async def _record(self, work: ChunkTask, before: asyncio.Future[bool]) -> Chunk | None:
        """Upload, wait for the turn, record the intent: in the order of the input, so that the ledger has no gap."""
        self._check()
        await run_async(self._steps.upload(work.plan), self._execute)
        if not await before:
            raise _StoppedError
        self._check()
        (chunk,) = await run_async(self._steps.record([work]), self._execute)
        return chunk

    def _check(self) -> None:
        if self._error is not None:
            raise _StoppedError

    def _fail(self, error: BaseException) -> None:
        if self._error is None and not isinstance(error, _StoppedError):
            self._error = error
