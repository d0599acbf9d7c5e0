"""Jobs that make every function, the endpoint and a producer do what they are there for, rare paths included."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tailrace_core.jobs import JobState
from tailrace_local.demand import COLUMNS
from tailrace_local.testing import RunningCloud
from tests.integration.access.identities import Person
from tests.integration.pipeline.command import Finished, tailrace
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

_WITHIN_S = 60.0
_REFUSED_BY_MODEL = "cheap"  # a price that is no number
_MISALIGNED = "Misaligned"
_FAILS_ONCE = "Fails Once"
_UNREADABLE = "Unreadable"
_REFUSED_LATE = "Refused Late"
_LOST = "Lost"
_UNHEARD = "Unheard"
_PLAN = {
    "rules": [
        {"name": "misaligned", "when": {"row": _MISALIGNED}, "do": {"kind": "spoil_output", "how": "drop_last"}},
        {"name": "fails once", "when": {"row": _FAILS_ONCE, "limit": 1}, "do": {"kind": "status", "status": 500}},
        {
            "name": "unreadable",
            "when": {"row": _UNREADABLE, "limit": 1},
            "do": {"kind": "fail_upload", "message": "Access denied"},
        },
        {"name": "unheard", "when": {"row": _UNHEARD, "limit": 1}, "do": {"kind": "drop"}},
        {"name": "refused late", "when": {"row": _REFUSED_LATE}, "do": {"kind": "slow", "seconds": 2}},
        {"name": "lost", "when": {"row": _LOST}, "do": {"kind": "drop"}},
    ]
}  # fmt: skip


class Exercise:
    """Runs jobs as a producer; what only the account can do (faults, a clock set back) it does as the account."""

    def __init__(self, cloud: RunningCloud, producer: Person, folder: Path) -> None:
        self._cloud = cloud
        self._producer = producer
        self._folder = folder

    def everything(self) -> str:
        """Each path once; the id of a finished job with rejected rows."""
        with self.faults(_PLAN):
            finished = self.scored_and_rejected()
            self.misaligned()
            self.retried()
            self.refused_late()
            self.listed_and_cancelled()
            self.reconciled()
            self.expired()
            self.parked()
        return finished

    def scored_and_rejected(self) -> str:
        """A file with kept columns, rows that cannot be sent, one that the model refuses; submitted twice."""
        rows = [[f"k{index}", *row] for index, row in enumerate(demand_rows(24, seed=5))]
        rows[20][5] = _REFUSED_BY_MODEL
        source = self._write("rejects.csv", csv_bytes(rows, header=("key", *COLUMNS)) + b"ragged\n" * 8)
        submitted = ("submit", source, "--keep", "key", "--chunk-rows", "8", "--job-key", "access")
        done = self.run(*submitted, "--output", self._folder / "scored.csv", "--json")
        assert done.code == 3, done.stderr
        again = self.run(*submitted, "--json")
        assert again.code == 3, again.stderr
        assert again.json["continued"]
        rejects = self.run("rejects", done.json["job_id"])
        assert rejects.code == 0, rejects.stderr
        assert len(rejects.stdout.splitlines()) == 1 + 9
        job: str = done.json["job_id"]
        return job

    def misaligned(self) -> None:
        """Outputs that lack a line, down to the single row."""
        rows = [[f"k{index}", *row] for index, row in enumerate(demand_rows(2, seed=7))]
        for row in rows:
            row[3] = _MISALIGNED
        source = self._write("misaligned.csv", csv_bytes([*rows, ["ragged"]], header=("key", *COLUMNS)))
        done = self.run("submit", source, "--keep", "key", *_WAIT)
        assert done.code == 3, done.stderr

    def retried(self) -> None:
        """A container that fails once."""
        done = self.run("submit", self.rows("retried.csv", _FAILS_ONCE), *_WAIT)
        assert done.code == 0, done.stderr

    def refused_late(self) -> None:
        """A job whose last row is refused when its producer is done: nobody else is left to finish it."""
        source = self.rows("late.csv", _REFUSED_LATE, 1)
        source.write_bytes(source.read_bytes().replace(b".", b"cheap"))
        done = self.run("submit", source, *_WAIT)
        assert done.code == 3, done.stderr

    def listed_and_cancelled(self) -> None:
        """A job whose answer never comes, listed, then cancelled by its producer."""
        job = self.submitted(self.rows("lost.csv", _LOST))
        assert job in [each["job_id"] for each in self.run("jobs", "--json").json_lines]
        cancelled = self.run("cancel", job, "--json")
        assert cancelled.code == 0, cancelled.stderr
        assert cancelled.json["state"] == JobState.CANCELLED

    def reconciled(self) -> None:
        """A notification that got lost, found by the reconciler, who is told that it is time."""
        job = self.submitted(self.rows("unheard.csv", _UNHEARD))
        self.eventually(lambda: self.overdue(job), "the chunk's confirmation")
        self.eventually(lambda: self.tick() and self.state(job) == JobState.COMPLETED, "the reconciled job")

    def expired(self) -> None:
        """A job that nobody answers and whose deadline has passed, ended by the reconciler."""
        job = self.submitted(self.rows("expired.csv", _LOST))
        self.pass_deadline(job)
        self.eventually(lambda: self.overdue(job), "the chunk's confirmation")
        self.eventually(lambda: self.tick() and self.state(job) == JobState.EXPIRED, "the expired job")

    def parked(self) -> None:
        """A failure that a person has to mend."""
        job = self.submitted(self.rows("parked.csv", _UNREADABLE))
        self.eventually(lambda: self.status(job)["times_parked"] == 1, "the parked chunk")

    def run(self, *arguments: str | Path) -> Finished:
        """``tailrace …`` as the producer."""
        stack = ("--stack", self._cloud.facts.stack)
        return tailrace(self._cloud, *arguments, *stack, environment=self._producer.environment)

    def submitted(self, source: Path) -> str:
        """The id of a job that nobody waits for."""
        done = self.run("submit", source, "--json")
        assert done.code == 0, done.stderr
        job: str = done.json["job_id"]
        return job

    def status(self, job: str) -> Any:
        """``tailrace status --json``."""
        found = self.run("status", job, "--json")
        assert found.code == 0, found.stderr
        return found.json

    def state(self, job: str) -> str:
        """The job's state."""
        return str(self.status(job)["state"])

    def pass_deadline(self, job: str) -> None:
        """Set the job's deadline back."""
        self._cloud.client("dynamodb").update_item(
            TableName=self._cloud.outputs["LedgerTable"],
            Key={"job": {"S": job}, "item": {"S": "job"}},
            UpdateExpression="SET deadline_at = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )

    def overdue(self, job: str) -> bool:
        """Set the time at which the job's chunks are looked at back; False while one waits for its confirmation."""
        table, database = self._cloud.outputs["LedgerTable"], self._cloud.client("dynamodb")
        found = database.query(
            TableName=table,
            KeyConditionExpression="job = :j",
            ExpressionAttributeValues={":j": {"S": job}},
        )["Items"]
        chunks = [item for item in found if item["item"]["S"].startswith("chunk#") and "due_shard" in item]
        if not chunks or not all(item.get("output_location") for item in chunks):
            return False
        for item in chunks:
            database.update_item(
                TableName=table,
                Key={"job": item["job"], "item": item["item"]},
                UpdateExpression="SET due_at = :past",
                ExpressionAttributeValues={":past": {"N": "1"}},
            )
        return True

    def tick(self) -> bool:
        """Let the reconciler look; whether it got through."""
        answer = self._cloud.client("lambda").invoke(FunctionName=self._cloud.outputs["ReconcileJobsFunction"])
        return "FunctionError" not in answer

    def rows(self, name: str, subcategory: str, count: int = 4) -> Path:
        """A file of rows in which a fault's rule finds its word."""
        rows = demand_rows(count, seed=7)
        for row in rows:
            row[2] = subcategory
        return self._write(name, csv_bytes(rows))

    def _write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path

    @contextmanager
    def faults(self, plan: dict[str, Any]) -> Iterator[None]:
        """A fault plan of the SageMaker emulator, for as long as the block runs."""
        self._put_faults("PUT", plan)
        try:
            yield
        finally:
            self._put_faults("DELETE", None)

    def _put_faults(self, method: str, plan: dict[str, Any] | None) -> None:
        request = urllib.request.Request(  # noqa: S310  the address is the local cloud's
            f"{self._cloud.endpoint_url}/_tailrace/sagemaker/faults",
            data=None if plan is None else json.dumps(plan).encode(),
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            answer.read()

    @staticmethod
    def eventually(condition: Callable[[], object], what: str) -> None:
        """Poll, within a minute.

        Raises:
            AssertionError: it did not come true.
        """
        deadline = time.monotonic() + _WITHIN_S
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come within {_WITHIN_S:.0f} s"
            time.sleep(0.1)


_WAIT = ("--wait", "--timeout", f"{_WITHIN_S:.0f}s", "--json")
