"""Warm workers of every function: as many as there are events at a time."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tailrace_local.cloud.functions.logs import FunctionLogs
from tailrace_local.cloud.functions.runtime_api import Answer
from tailrace_local.cloud.functions.specification import FunctionSpec
from tailrace_local.cloud.functions.worker import Worker

IDLE_S = 300.0
_log = logging.getLogger("tailrace.cloud.functions")

StartWorker = Callable[[FunctionSpec, bytes], Worker]


class Fleet:
    """Workers by function and version. The caller limits how many run at once."""

    def __init__(self, start: StartWorker, logs: FunctionLogs) -> None:
        self._start = start
        self._logs = logs
        self._idle: dict[tuple[str, str], list[Worker]] = {}
        self._busy: set[Worker] = set()
        self._leaving: set[Worker] = set()
        self._renewals = 0
        self._current: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._reap, name="function-reaper", daemon=True).start()

    def execute(self, record: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        """Invoke a function, given by MiniStack's record; returns MiniStack's result."""
        archive = record.get("code_zip")
        if not archive:
            return _error("Runtime.InvalidEntrypoint", "The function has no code: its archive was not found in S3")
        spec = FunctionSpec.of(record)
        arn = str((record.get("config") or record).get("FunctionArn", spec.arn))
        try:
            worker = self._acquire(spec, archive)
        except Exception as error:  # noqa: BLE001 - the caller gets it as an error of the runtime
            _log.exception("no worker for %s", spec.name)
            return _error("Runtime.Unknown", f"{type(error).__name__}: {error}")
        started = time.monotonic()
        try:
            answer, log = worker.invoke(json.dumps(event).encode(), request_id, arn)
        finally:
            self._release(worker)
        self._logs.write(spec, worker.log_stream, request_id, log, time.monotonic() - started)
        return _result(answer, log)

    def listed(self) -> list[dict[str, Any]]:
        """Return function, pid and whether it is busy, for each worker."""
        with self._lock:
            idle = [worker for workers in self._idle.values() for worker in workers]
            return [
                {"function": worker.spec.name, "pid": worker.pid, "busy": worker in self._busy}
                for worker in (*self._busy, *idle)
            ]

    def renew(self) -> None:
        """Replace all workers.

        The next events get new ones, and a busy worker ends after its event.
        """
        with self._lock:
            self._renewals += 1
            self._leaving |= self._busy
            idle = [worker for workers in self._idle.values() for worker in workers]
            self._idle.clear()
        threading.Thread(target=_end, args=(idle,), daemon=True).start()

    def close(self) -> None:
        """End every worker."""
        self._closed.set()
        with self._lock:
            workers = [*self._busy, *(worker for found in self._idle.values() for worker in found)]
            self._idle.clear()
        _end(workers)

    def _acquire(self, spec: FunctionSpec, archive: bytes) -> Worker:
        with self._lock:
            stale: list[Worker] = []
            if self._current.get(spec.key) != spec.fingerprint:
                self._current[spec.key] = spec.fingerprint
                stale = self._idle.pop(spec.key, [])
            idle = self._idle.setdefault(spec.key, [])
            # Reuse the most recent one, so that the others become idle and are reaped.
            while idle:
                worker = idle.pop()
                if worker.usable:
                    self._busy.add(worker)
                    break
                stale.append(worker)
            else:
                worker = None
            renewals = self._renewals
        if stale:
            threading.Thread(target=_end, args=(stale,), daemon=True).start()
        if worker is None:
            worker = self._start(spec, archive)
            with self._lock:
                self._busy.add(worker)
                if renewals != self._renewals:
                    self._leaving.add(worker)
        return worker

    def _release(self, worker: Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            current = self._current.get(worker.spec.key) == worker.spec.fingerprint
            kept = current and worker.usable and worker not in self._leaving and not self._closed.is_set()
            self._leaving.discard(worker)
            if kept:
                self._idle.setdefault(worker.spec.key, []).append(worker)
        if not kept:
            worker.end()

    def _reap(self) -> None:
        while not self._closed.wait(10):
            oldest = time.monotonic() - IDLE_S
            with self._lock:
                stale = [w for found in self._idle.values() for w in found if w.last_used < oldest or not w.usable]
                for key, found in self._idle.items():
                    self._idle[key] = [worker for worker in found if worker not in stale]
            _end(stale)


def _end(workers: list[Worker]) -> None:
    if workers:
        with ThreadPoolExecutor(max_workers=16) as pool:
            list(pool.map(Worker.end, workers))


def _result(answer: Answer, log: str) -> dict[str, Any]:
    try:
        body = json.loads(answer.payload) if answer.payload else None
    except ValueError:
        return {**_error("Runtime.MarshalError", "The function's answer is not JSON"), "log": log}
    if answer.failed:
        return {"body": body, "error": True, "function_error": "Unhandled", "log": log}
    return {"body": body, "log": log}


def _error(error_type: str, message: str) -> dict[str, Any]:
    return {
        "body": {"errorType": error_type, "errorMessage": message},
        "error": True,
        "function_error": "Unhandled",
        "log": "",
    }
