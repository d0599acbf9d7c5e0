"""The runner: carries checks out at the same time, each within a bound."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar

from tailrace.doctor.checks import Check
from tailrace.doctor.errors import finding_of
from tailrace.doctor.findings import Finding, cannot_tell
from tailrace_core.aws.calls import Call, run
from tailrace_core.errors import TailraceError

S = TypeVar("S")
THREADS = 8


class Runner:
    """Runs checks with an executor of calls.

    All checks together take at most ``timeout_s`` seconds. A check that has no result by then is
    reported as "cannot tell"; its thread is left behind and ends with the process.
    """

    def __init__(
        self,
        execute: Callable[[Call], Any],
        *,
        timeout_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._execute = execute
        self._timeout_s = timeout_s
        self._clock = clock

    def run(self, checks: Sequence[Check[S]], subject: S) -> Iterator[Finding]:
        """Yield the findings of all checks in the order of the table."""
        deadline = self._clock() + self._timeout_s
        futures: list[Future[list[Finding]]] = [Future() for _ in checks]
        waiting: queue.SimpleQueue[tuple[Check[S], Future[list[Finding]]]] = queue.SimpleQueue()
        for pair in zip(checks, futures, strict=True):
            waiting.put(pair)
        for _ in range(min(THREADS, len(checks))):
            threading.Thread(target=self._work, args=(waiting, subject), name="tailrace-doctor", daemon=True).start()
        for check, future in zip(checks, futures, strict=True):
            try:
                found = future.result(max(0.0, deadline - self._clock()))
            except TimeoutError:
                found = [cannot_tell(f"no answer within {self._timeout_s:.0f} s", advice="raise --timeout")]
            yield from (replace(finding, check=check.name) for finding in found)

    def _work(self, waiting: queue.SimpleQueue[tuple[Check[S], Future[list[Finding]]]], subject: S) -> None:
        while True:
            try:
                check, future = waiting.get_nowait()
            except queue.Empty:
                return
            future.set_result(findings(check, subject, self._execute))


def findings(check: Check[S], subject: S, execute: Callable[[Call], Any]) -> list[Finding]:
    """Return the findings of one check; every error becomes one."""
    try:
        return run(check.run(subject), execute)
    except TailraceError as error:
        return [finding_of(error)]
    except Exception as error:  # noqa: BLE001 - one answer of an unknown form must not end the whole diagnosis
        return [cannot_tell(f"the answer has an unknown form ({type(error).__name__}: {error}); report it as a bug")]
