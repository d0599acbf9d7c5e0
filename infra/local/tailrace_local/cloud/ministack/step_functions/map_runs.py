"""Map runs: the record as DescribeMapRun returns it, the children, and when a run ends."""

from __future__ import annotations

import contextvars
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tailrace_local.cloud.ministack.step_functions import executions

_COUNTS = ("pending", "running", "succeeded", "failed", "timedOut", "aborted", "resultsWritten")
_MOST_AT_ONCE = 64
_LOOK_EVERY_S = 0.1

Document = dict[str, Any]


class MapRun:
    """One map run: its record as DescribeMapRun returns it, its children, and their results."""

    def __init__(
        self,
        limits: Mapping[str, float | None],
        state: Document,
        execution: Document,
        total: int,
        now: Callable[[], str],
    ) -> None:
        self._limits = limits
        self._execution = execution
        self._total = total
        self._now = now
        self._changed = threading.Condition()
        self._children: dict[int, Document] = {}
        self._begun: set[int] = set()
        self._left = total
        self.results: list[Any] = [None] * total
        _, _, _, self._region, self._account, _, name = execution["stateMachineArn"].split(":", 6)
        label = state.get("Label") or str(uuid.uuid4())
        self._path = f"{name.partition('/')[0]}/{label}"
        self.arn = self._of("mapRun", f"{self._path}:{uuid.uuid4()}")
        counts = dict.fromkeys(_COUNTS, 0) | {"total": total, "pending": total}
        self.record: Document = {
            "mapRunArn": self.arn,
            "executionArn": execution["executionArn"],
            "status": "RUNNING",
            "startDate": now(),
            "maxConcurrency": int(limits["MaxConcurrency"] or 0),
            "toleratedFailurePercentage": float(limits["ToleratedFailurePercentage"] or 0),
            "toleratedFailureCount": int(limits["ToleratedFailureCount"] or 0),
            "itemCounts": dict(counts),
            "executionCounts": dict(counts),
            "redriveCount": 0,
            "_stateMachineArn": self._of("stateMachine", self._path),
        }

    def child(self, wanted: Any) -> Document:
        """Return the record of a new child execution."""
        name = str(uuid.uuid4())
        return {
            "executionArn": self._of("execution", f"{self._path}:{name}"),
            "stateMachineArn": self.record["_stateMachineArn"],
            "name": name,
            "status": "RUNNING",
            "startDate": self._now(),
            "stopDate": None,
            "input": json.dumps(wanted),
            "output": None,
            "mapRunArn": self.arn,
            "events": list(self._execution["events"][:1]),
            "testCase": "",
            "mockAttempts": {},
        }

    def work_off(self, work: Callable[[int], None]) -> None:
        """Work all items off, or until the run ends before; children that run then are aborted.

        What their functions do goes on, as on AWS: a function does not notice that its execution
        has ended.
        """
        workers = self.record["maxConcurrency"] or min(self._total, _MOST_AT_ONCE) or 1
        pool = ThreadPoolExecutor(min(workers, self._total or 1), thread_name_prefix="map-run")
        try:
            for index in range(self._total):
                pool.submit(contextvars.copy_context().run, work, index)
            with self._changed:
                while self._left and self.record["status"] == "RUNNING":
                    self._changed.wait(_LOOK_EVERY_S)
                    if not executions.is_open(self._execution):
                        self._end("ABORTED")
                if self.record["status"] == "RUNNING":
                    self._end("SUCCEEDED")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def begin(self, index: int) -> bool:
        """Count an item as running. False when the run has ended."""
        with self._changed:
            if self.record["status"] != "RUNNING":
                return False
            self._begun.add(index)
            self._move("pending", "running")
            return True

    def started(self, index: int, child: Document) -> None:
        """Note the child execution of an item."""
        with self._changed:
            self._children[index] = child
            if self.record["status"] != "RUNNING":
                child["status"] = "ABORTED"

    def succeeded(self, index: int, result: Any) -> None:
        """Note a result."""
        self._settle(index, "SUCCEEDED", {"output": json.dumps(result)}, result)

    def failed(self, index: int, error: str, cause: str) -> None:
        """Note a failure; more than are tolerated end the run."""
        self._settle(index, "FAILED", {"error": error, "cause": cause}, None)

    def _settle(self, index: int, status: str, outcome: Document, result: Any) -> None:
        with self._changed:
            if self.record["status"] != "RUNNING":
                return
            if child := self._children.get(index):
                child.update(outcome, status=status, stopDate=self._now())
            self.results[index] = result
            self._begun.discard(index)
            self._move("running", status.lower())
            self._left -= 1
            if status == "FAILED" and self._too_many_failed():
                self._end("FAILED")
            self._changed.notify_all()

    def _too_many_failed(self) -> bool:
        failed = self.record["executionCounts"]["failed"]
        count, share = self._limits["ToleratedFailureCount"], self._limits["ToleratedFailurePercentage"]
        # Without a threshold, any failed item fails the run.
        return (
            (count is None and share is None)
            or (count is not None and failed > count)
            or (share is not None and failed * 100 > share * self._total)
        )

    def _end(self, status: str) -> None:
        """End the run. The lock is held."""
        self.record.update(status=status, stopDate=self._now())
        for index in self._begun:
            self._move("running", "aborted")
            if child := self._children.get(index):
                child.update(status="ABORTED", stopDate=self._now())
        while self.record["itemCounts"]["pending"]:
            self._move("pending", "aborted")

    def _move(self, before: str, after: str) -> None:
        for name in ("itemCounts", "executionCounts"):
            self.record[name][before] -= 1
            self.record[name][after] += 1

    def _of(self, kind: str, path: str) -> str:
        return f"arn:aws:states:{self._region}:{self._account}:{kind}:{path}"
