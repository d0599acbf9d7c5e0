"""Sends chunks with threads: uploads, intents and invocations overlap each other and the cutting of what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Condition, Event, Semaphore
from time import monotonic
from typing import Any

from tailrace.submit.byte_budget import ByteBudget
from tailrace.submit.steps import ChunkSteps, ChunkTask
from tailrace_core.aws.calls import Call, run
from tailrace_core.jobs.model import Chunk

_MOST_TOGETHER = 25
"""Intents in one transaction; DynamoDB takes 100 writes in one."""
_PACE_S = 0.05
"""From one transaction to the next, unless there are enough intents for a full one: fewer, larger ones cost less."""
_FOLLOWING = 8
"""For each upload at a time, so many chunks may be on their way, most of them uploaded already."""


class ThreadedSender:
    """Carries out work with ``concurrency`` uploads and invocations at a time, holding about ``bytes_in_flight``."""

    def __init__(self, execute: Callable[[Call], Any], *, concurrency: int, bytes_in_flight: int) -> None:
        self._execute = execute
        self._concurrency = concurrency
        self._bytes_in_flight = bytes_in_flight

    def send_all(self, steps: ChunkSteps, works: Iterable[ChunkTask], on_sent: Callable[[ChunkTask], None]) -> None:
        """Send everything; raises the first error after what was under way has come to an end."""
        _Sending(steps, self._execute, self._concurrency, self._bytes_in_flight, on_sent).run(works)


class _Sending:
    """The sending of one job, as three stages, each with its threads: upload, record, invoke.

    One thread records, in the order of the input, so that the ledger has no gap: all that is uploaded and next, in one
    transaction, a few times a second. A chunk for each would take longer than the rest, one transaction waiting for the
    other.
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
        self._on_the_way = Semaphore(_FOLLOWING * concurrency)
        self._on_sent = on_sent
        self._uploads = ThreadPoolExecutor(concurrency, thread_name_prefix="tailrace-upload")
        self._records = ThreadPoolExecutor(1, thread_name_prefix="tailrace-record")
        self._invocations = ThreadPoolExecutor(concurrency, thread_name_prefix="tailrace-invoke")
        self._stop = Event()
        self._changed = Condition()
        self._pace_until = 0.0
        self._all_uploaded = False
        self._error: BaseException | None = None
        self._uploaded: dict[int, ChunkTask] = {}
        self._next = 0

    def run(self, works: Iterable[ChunkTask]) -> None:
        """All stages, from the first to the last."""
        try:
            for place, work in enumerate(works):
                self._on_the_way.acquire()
                self._budget.acquire(work.plan.held_bytes)
                if self._stop.is_set():
                    break
                self._uploads.submit(self._upload, place, work)
            self._end(cancel=False)
        except BaseException:
            self._stop.set()
            raise
        finally:
            self._end(cancel=True)
        if self._error is not None:
            raise self._error

    def _end(self, *, cancel: bool) -> None:
        """Wait for one stage after the other: each hands on to the next before it ends."""
        self._uploads.shutdown(wait=True, cancel_futures=cancel)
        with self._changed:
            self._all_uploaded = True
            self._changed.notify_all()
        for stage in (self._records, self._invocations):
            stage.shutdown(wait=True, cancel_futures=cancel)

    def _upload(self, place: int, work: ChunkTask) -> None:
        try:
            if self._stop.is_set():
                return
            run(self._steps.upload(work.plan), self._execute)
            with self._changed:
                self._uploaded[place] = replace(work, plan=work.plan.uploaded())
                self._changed.notify_all()
            self._records.submit(self._record)
        except BaseException as exc:  # noqa: BLE001 - it is raised where the work came from
            self._fail(exc)
        finally:
            self._budget.release(work.plan.held_bytes)

    def _record(self) -> None:
        try:
            works = self._next_works()
            if not works or self._stop.is_set():
                return
            for work, chunk in zip(works, run(self._steps.record(works), self._execute), strict=True):
                self._invocations.submit(self._invoke, work, chunk)
        except BaseException as exc:  # noqa: BLE001 - it is raised where the work came from
            self._fail(exc)

    def _next_works(self) -> list[ChunkTask]:
        """What is to be recorded together; none when it has been, with what came before."""
        with self._changed:
            works: list[ChunkTask] = []
            if self._next in self._uploaded:
                self._changed.wait_for(self._is_enough, self._pace_until - monotonic())
                self._pace_until = monotonic() + _PACE_S
            while self._next in self._uploaded and len(works) < _MOST_TOGETHER:
                works.append(self._uploaded.pop(self._next))
                self._next += 1
            return works

    def _is_enough(self) -> bool:
        full = range(self._next, self._next + _MOST_TOGETHER)
        return self._all_uploaded or self._stop.is_set() or all(place in self._uploaded for place in full)

    def _invoke(self, work: ChunkTask, chunk: Chunk | None) -> None:
        try:
            if chunk is not None:
                run(self._steps.invoke(chunk), self._execute)
            self._on_sent(work)
        except BaseException as exc:  # noqa: BLE001 - it is raised where the work came from
            self._fail(exc)
        finally:
            self._on_the_way.release()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._error is None:
                self._error = error
            self._stop.set()
            self._changed.notify_all()
        # Whoever waits for room is to see it.
        self._on_the_way.release()
