"""Sends chunks with threads.

Uploads, intents, invocations and confirmations overlap each other and the cutting of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Condition, Event, Semaphore
from time import monotonic
from typing import Any

from tailrace.submit.batch_queues import (
    BATCH_INTERVAL_S,
    PIPELINE_DEPTH,
    ConfirmationQueue,
    IntentQueue,
    batch_size,
)
from tailrace.submit.byte_budget import ByteBudget
from tailrace_core.aws.calls import Call, run
from tailrace_core.jobs.model import Chunk
from tailrace_core.submission.chunk_steps import ChunkSteps, ChunkTask


class ThreadedSender:
    """Sends chunks with ``concurrency`` uploads and invocations at a time.

    Holds about ``bytes_in_flight`` bytes.
    """

    def __init__(self, execute: Callable[[Call], Any], *, concurrency: int, bytes_in_flight: int) -> None:
        self._execute = execute
        self._concurrency = concurrency
        self._bytes_in_flight = bytes_in_flight

    def send_all(self, steps: ChunkSteps, tasks: Iterable[ChunkTask], on_sent: Callable[[ChunkTask], None]) -> None:
        """Send every chunk. Raises the first error once all calls under way have ended."""
        _Sending(steps, self._execute, self._concurrency, self._bytes_in_flight, on_sent).run(tasks)


class _Sending:
    """The sending of one job in four stages with threads of their own.

    The stages are upload, record, invoke and confirm.

    One thread records the intents in the order of the input, so that the ledger has no gap. A few
    times a second it records all uploaded chunks that are next in one transaction. A transaction
    for each chunk would take longer than all other calls, because each waits for the one before.
    Another thread confirms the invoked chunks together.
    """

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
        self._budget = ByteBudget(bytes_in_flight)
        self._pipeline = Semaphore(PIPELINE_DEPTH * concurrency)
        self._on_sent = on_sent
        self._uploads = ThreadPoolExecutor(concurrency, thread_name_prefix="tailrace-upload")
        self._records = ThreadPoolExecutor(1, thread_name_prefix="tailrace-record")
        self._invocations = ThreadPoolExecutor(concurrency, thread_name_prefix="tailrace-invoke")
        self._confirmations = ThreadPoolExecutor(1, thread_name_prefix="tailrace-confirm")
        self._stop = Event()
        self._changed = Condition()
        self._error: BaseException | None = None
        self._intents = IntentQueue(batch_size(concurrency))
        # Nobody waits for a confirmation, so the first ones are not written alone either.
        self._answers = ConfirmationQueue(batch_size(concurrency), not_before=monotonic() + BATCH_INTERVAL_S)

    def run(self, tasks: Iterable[ChunkTask]) -> None:
        try:
            for place, task in enumerate(tasks):
                self._pipeline.acquire()
                self._budget.acquire(task.plan.held_bytes)
                if self._stop.is_set():
                    break
                self._uploads.submit(self._upload, place, task)
            self._end(cancel=False)
        except BaseException:
            self._stop.set()
            raise
        finally:
            self._end(cancel=True)
        if self._error is not None:
            raise self._error

    def _end(self, *, cancel: bool) -> None:
        """Wait for one stage after the other: each hands its chunks to the next before it ends.

        What was invoked is confirmed in any case.
        """
        self._uploads.shutdown(wait=True, cancel_futures=cancel)
        self._complete(self._intents)
        for stage in (self._records, self._invocations):
            stage.shutdown(wait=True, cancel_futures=cancel)
        self._complete(self._answers)
        self._confirmations.shutdown(wait=True)

    def _complete(self, queue: IntentQueue | ConfirmationQueue) -> None:
        with self._changed:
            queue.complete = True
            self._changed.notify_all()

    def _upload(self, place: int, task: ChunkTask) -> None:
        try:
            if self._stop.is_set():
                return
            run(self._steps.upload(task.plan), self._execute)
            with self._changed:
                self._intents.add(place, replace(task, plan=task.plan.uploaded()))
                self._notify(self._intents)
            self._records.submit(self._record)
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fail(exc)
        finally:
            self._budget.release(task.plan.held_bytes)

    def _record(self) -> None:
        try:
            with self._changed:
                self._wait(self._intents)
                tasks = self._intents.take()
            if not tasks or self._stop.is_set():
                return
            for task, chunk in zip(tasks, run(self._steps.record(tasks), self._execute), strict=True):
                self._invocations.submit(self._invoke, task, chunk)
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fail(exc)

    def _notify(self, queue: IntentQueue | ConfirmationQueue) -> None:
        # Wake no thread for a chunk that waits for others.
        if queue.full:
            self._changed.notify_all()

    def _wait(self, queue: IntentQueue | ConfirmationQueue) -> None:
        """Wait until a transaction is full or due; return at once when an earlier one took all."""
        if queue.ready:
            self._changed.wait_for(
                lambda: queue.complete or self._stop.is_set() or queue.full, queue.not_before - monotonic()
            )
            queue.not_before = monotonic() + BATCH_INTERVAL_S

    def _invoke(self, task: ChunkTask, chunk: Chunk | None) -> None:
        try:
            located = [] if chunk is None else run(self._steps.invoke(chunk), self._execute)
            if not located:
                self._finish([task])
                return
            with self._changed:
                self._answers.add(task, located)
                self._notify(self._answers)
            self._confirmations.submit(self._confirm)
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fail(exc)

    def _confirm(self) -> None:
        """Confirm what is invoked, also after an error."""
        with self._changed:
            self._wait(self._answers)
            answers = self._answers.take()
        try:
            run(self._steps.confirm([each for _, located in answers for each in located]), self._execute)
            self._finish(task for task, _ in answers)
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fail(exc)

    def _finish(self, tasks: Iterable[ChunkTask]) -> None:
        for task in tasks:
            self._pipeline.release()
            self._on_sent(task)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._error is None:
                self._error = error
            self._stop.set()
            self._changed.notify_all()
        # `run` may be waiting for room: it has to see the error.
        self._pipeline.release()
