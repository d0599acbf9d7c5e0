"""Sends chunks with threads: uploads and invocations overlap each other and the cutting of what follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import Any

from tailrace.byte_gate import ByteGate
from tailrace.submission import ChunkSteps
from tailrace.worklist import Work
from tailrace_core.calls import Call, run
from tailrace_core.jobs import Chunk


class _StoppedError(Exception):
    """Another chunk failed; this one is given up."""


class ThreadedSender:
    """Carries out work with ``concurrency`` threads and at most about ``bytes_in_flight`` bytes held."""

    def __init__(self, execute: Callable[[Call], Any], *, concurrency: int, bytes_in_flight: int) -> None:
        self._execute = execute
        self._concurrency = concurrency
        self._bytes_in_flight = bytes_in_flight

    def send_all(self, steps: ChunkSteps, works: Iterable[Work], on_sent: Callable[[Work], None]) -> None:
        """Send everything; raises the first error after what was under way has come to an end."""
        _Sending(steps, self._execute, ByteGate(self._bytes_in_flight), on_sent).run(works, self._concurrency)


class _Sending:
    """The sending of one job."""

    def __init__(
        self, steps: ChunkSteps, execute: Callable[[Call], Any], gate: ByteGate, on_sent: Callable[[Work], None]
    ) -> None:
        self._steps = steps
        self._execute = execute
        self._gate = gate
        self._on_sent = on_sent
        self._stop = Event()
        self._lock = Lock()
        self._error: BaseException | None = None

    def run(self, works: Iterable[Work], concurrency: int) -> None:
        before: Future[None] = Future()
        before.set_result(None)
        pool = ThreadPoolExecutor(concurrency, thread_name_prefix="tailrace-send")
        try:
            for work in works:
                size_bytes = work.plan.held_bytes
                self._gate.enter(size_bytes)
                if self._stop.is_set():
                    break
                recorded: Future[None] = Future()
                pool.submit(self._send, work, size_bytes, before, recorded)
                before = recorded
            pool.shutdown(wait=True)
        except BaseException:
            self._stop.set()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        if self._error is not None:
            raise self._error

    def _send(self, work: Work, size_bytes: int, before: Future[None], recorded: Future[None]) -> None:
        try:
            chunk = self._record(work, before, recorded)
            if chunk is not None:
                run(self._steps.invoke(chunk), self._execute)
            self._on_sent(work)
        except _StoppedError:
            pass
        except BaseException as exc:  # noqa: BLE001 - it is raised where the work came from
            self._fail(exc)
        finally:
            self._gate.leave(size_bytes)

    def _record(self, work: Work, before: Future[None], recorded: Future[None]) -> Chunk | None:
        """Upload, wait for the turn, record the intent: in the order of the input, so that the ledger has no gap."""
        try:
            self._check()
            run(self._steps.upload(work.plan), self._execute)
            before.result()
            self._check()
            chunk = run(self._steps.record(work.plan, work.recorded, work.number), self._execute)
        except BaseException as exc:
            recorded.set_exception(_StoppedError())
            if not isinstance(exc, _StoppedError):
                self._fail(exc)
            raise _StoppedError from exc
        recorded.set_result(None)
        return chunk

    def _check(self) -> None:
        if self._stop.is_set():
            raise _StoppedError

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._error is None:
                self._error = error
        self._stop.set()
