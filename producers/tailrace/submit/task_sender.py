"""Sends chunks with tasks of one event loop, while a thread reads and cuts the input."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tailrace.sources.file_thread import FileThread
from tailrace.submit.async_byte_budget import AsyncByteBudget
from tailrace.submit.batch_queues import (
    BATCH_INTERVAL_S,
    PIPELINE_DEPTH,
    ConfirmationQueue,
    IntentQueue,
    batch_size,
)
from tailrace_core.aws.calls import Call, run_async
from tailrace_core.jobs.model import Chunk
from tailrace_core.submission.chunk_steps import ChunkSteps, ChunkTask


class TaskSender:
    """Sends chunks with ``concurrency`` uploads and invocations at a time.

    Holds about ``bytes_in_flight`` bytes.
    """

    def __init__(self, execute: Callable[[Call], Awaitable[Any]], *, concurrency: int, bytes_in_flight: int) -> None:
        self._execute = execute
        self._concurrency = concurrency
        self._bytes_in_flight = bytes_in_flight

    async def send_all(
        self,
        steps: ChunkSteps,
        tasks: Iterable[ChunkTask],
        on_sent: Callable[[ChunkTask], None],
        files: FileThread,
    ) -> None:
        """Send every chunk of ``tasks``, which is iterated in the thread ``files``.

        Raises the first error, or `asyncio.CancelledError`, once all calls under way have ended. A
        second cancellation cancels those calls too.
        """
        await _Sending(steps, self._execute, self._concurrency, self._bytes_in_flight, on_sent).run(iter(tasks), files)


class _Sending:
    """The sending of one job in four stages: upload, record, invoke, confirm.

    See `tailrace.submit.threaded_sender`.

    A chunk's bytes are held until it is uploaded. One task records the intents in the order of the
    input, another confirms the invocations.
    """

    def __init__(
        self,
        steps: ChunkSteps,
        execute: Callable[[Call], Awaitable[Any]],
        concurrency: int,
        bytes_in_flight: int,
        on_sent: Callable[[ChunkTask], None],
    ) -> None:
        self._steps = steps
        self._execute = execute
        self._budget = AsyncByteBudget(bytes_in_flight)
        self._pipeline = asyncio.Semaphore(PIPELINE_DEPTH * concurrency)
        self._upload_slots = asyncio.Semaphore(concurrency)
        self._invoke_slots = asyncio.Semaphore(concurrency)
        self._on_sent = on_sent
        self._intents = IntentQueue(batch_size(concurrency))
        self._answers = ConfirmationQueue(batch_size(concurrency))
        self._changed = asyncio.Event()
        self._error: BaseException | None = None

    async def run(self, tasks: Iterator[ChunkTask], files: FileThread) -> None:
        uploads: set[asyncio.Task[None]] = set()
        invocations: set[asyncio.Task[None]] = set()
        # Nobody waits for a confirmation, so the first ones are not written alone either.
        self._answers.not_before = asyncio.get_running_loop().time() + BATCH_INTERVAL_S
        recorder = asyncio.create_task(self._record_all(invocations))
        confirmer = asyncio.create_task(self._confirm_all())
        try:
            place = 0
            while (task := await files.run(next, tasks, None)) is not None:
                await self._pipeline.acquire()
                await self._budget.acquire(task.plan.held_bytes)
                if self._error is not None:
                    break
                _start(uploads, self._upload(place, task))
                place += 1
        except BaseException as exc:  # noqa: BLE001 - raised below, when the calls under way have ended
            self._fail(exc)
        await self._end(uploads)
        self._complete(self._intents)
        await self._end({recorder})
        await self._end(invocations)
        self._complete(self._answers)
        await self._end({confirmer})
        if self._error is not None:
            raise self._error

    async def _end(self, tasks: set[asyncio.Task[None]]) -> None:
        """Wait until the tasks have ended.

        Cancellation stops the sending; a second one cancels the tasks.
        """
        while pending := {task for task in tasks if not task.done()}:
            try:
                await asyncio.wait(pending)
            except asyncio.CancelledError as exc:
                if isinstance(self._error, asyncio.CancelledError):
                    for task in pending:
                        task.cancel()
                self._fail(exc)

    async def _upload(self, place: int, task: ChunkTask) -> None:
        try:
            async with self._upload_slots:
                if self._error is not None:
                    return
                await run_async(self._steps.upload(task.plan), self._execute)
            self._intents.add(place, replace(task, plan=task.plan.uploaded()))
            self._changed.set()
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fail(exc)
        finally:
            self._budget.release(task.plan.held_bytes)

    def _complete(self, queue: IntentQueue | ConfirmationQueue) -> None:
        queue.complete = True
        self._changed.set()

    async def _record_all(self, invocations: set[asyncio.Task[None]]) -> None:
        try:
            while await self._is_ready(self._intents) and self._error is None:
                tasks = self._intents.take()
                for task, chunk in zip(tasks, await run_async(self._steps.record(tasks), self._execute), strict=True):
                    _start(invocations, self._invoke(task, chunk))
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fail(exc)

    async def _confirm_all(self) -> None:
        """Confirm all that is invoked, also after an error, until no more is."""
        while await self._is_ready(self._answers):
            answers = self._answers.take()
            try:
                attempts = [each for _, located in answers for each in located]
                await run_async(self._steps.confirm(attempts), self._execute)
                self._finish(task for task, _ in answers)
            except BaseException as exc:  # noqa: BLE001 - raised by `run`
                self._fail(exc)
                if isinstance(exc, asyncio.CancelledError):
                    return

    async def _is_ready(self, queue: IntentQueue | ConfirmationQueue) -> bool:
        """Wait until a transaction is full or due; False when the queue stays empty."""
        await self._wait_until(lambda: queue.ready or queue.complete)
        loop = asyncio.get_running_loop()
        await self._wait_until(lambda: queue.full or queue.complete or self._error is not None, queue.not_before)
        queue.not_before = loop.time() + BATCH_INTERVAL_S
        return queue.ready

    async def _wait_until(self, condition: Callable[[], bool], deadline: float | None = None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()

    async def _invoke(self, task: ChunkTask, chunk: Chunk | None) -> None:
        try:
            located: list[Chunk] = []
            if chunk is not None:
                async with self._invoke_slots:
                    if self._error is not None:
                        return
                    located = await run_async(self._steps.invoke(chunk), self._execute)
            if located:
                self._answers.add(task, located)
                self._changed.set()
            else:
                self._finish([task])
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fail(exc)

    def _finish(self, tasks: Iterable[ChunkTask]) -> None:
        for task in tasks:
            self._pipeline.release()
            self._on_sent(task)

    def _fail(self, error: BaseException) -> None:
        # A cancellation must reach the caller, whatever failed before.
        if self._error is None or isinstance(error, asyncio.CancelledError):
            self._error = error
        self._changed.set()
        # `run` may be waiting for room: it has to see the error.
        self._pipeline.release()


def _start(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    """Start a task and keep it in ``tasks`` until it ends."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
