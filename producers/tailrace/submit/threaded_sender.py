"""Sends chunks with threads.

Uploads, intents and invocations overlap each other and the cutting of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Condition, Event, Semaphore
from time import monotonic
from typing import Any

from tailrace.submit.byte_budget import ByteBudget
from tailrace.submit.intent_queue import BATCH_INTERVAL_S, PIPELINE_DEPTH, IntentQueue
from tailrace.submit.steps import ChunkSteps, ChunkTask
from tailrace_core.aws.calls import Call, run
from tailrace_core.jobs.model import Chunk


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
    """The sending of one job in three stages, each with its threads: upload, record, invoke.

    One thread records the intents in the order of the input, so that the ledger has no gap. A few
    times a second it records all uploaded chunks that are next in one transaction. A transaction
    for each chunk would take longer than all other calls, because each waits for the one before.
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
        self._stop = Event()
        self._changed = Condition()
        self._not_before = 0.0
        self._all_uploaded = False
        self._error: BaseException | None = None
        self._intents = IntentQueue()

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
        """Wait for one stage after the other: each hands its chunks to the next before it ends."""
        self._uploads.shutdown(wait=True, cancel_futures=cancel)
        with self._changed:
            self._all_uploaded = True
            self._changed.notify_all()
        for stage in (self._records, self._invocations):
            stage.shutdown(wait=True, cancel_futures=cancel)

    def _upload(self, place: int, task: ChunkTask) -> None:
        try:
            if self._stop.is_set():
                return
            run(self._steps.upload(task.plan), self._execute)
            with self._changed:
                self._intents.add(place, replace(task, plan=task.plan.uploaded()))
                self._changed.notify_all()
            self._records.submit(self._record)
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fail(exc)
        finally:
            self._budget.release(task.plan.held_bytes)

    def _record(self) -> None:
        try:
            tasks = self._next_batch()
            if not tasks or self._stop.is_set():
                return
            for task, chunk in zip(tasks, run(self._steps.record(tasks), self._execute), strict=True):
                self._invocations.submit(self._invoke, task, chunk)
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fail(exc)

    def _next_batch(self) -> list[ChunkTask]:
        """Return the chunks to record together; none when an earlier batch held them already."""
        with self._changed:
            if self._intents.ready:
                self._changed.wait_for(self._goes_now, self._not_before - monotonic())
                self._not_before = monotonic() + BATCH_INTERVAL_S
            return self._intents.take()

    def _goes_now(self) -> bool:
        return self._all_uploaded or self._stop.is_set() or self._intents.full

    def _invoke(self, task: ChunkTask, chunk: Chunk | None) -> None:
        try:
            if chunk is not None:
                run(self._steps.invoke(chunk), self._execute)
            self._on_sent(task)
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self._fail(exc)
        finally:
            self._pipeline.release()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._error is None:
                self._error = error
            self._stop.set()
            self._changed.notify_all()
        # `run` may be waiting for room: it has to see the error.
        self._pipeline.release()
