"""The inbox and the outbox of a deployed stack, as the programs around it use them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tailrace_consumers.files.inbox_names import INBOX_TAG, OPTIONS
from tailrace_core.csv_text.rejects import read_rejects
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.objects import keys
from tailrace_core.submission.option_objects import NOT_HERE
from tailrace_core.submission.options import SubmitOptions
from tests.faults.deployed.cloud_driver import CloudDriver, polling
from tests.faults.deployed.entries import Entry, OddDrop
from tests.faults.deployed.random_jobs import RandomJob
from tests.faults.expectation import Expectation

_TIMEOUT_S = 240.0
"""Longest wait: every receive of a message may meet a fault, and again after the redrive."""
_DELIVERED = frozenset({JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS})


@dataclass
class Dropped:
    """A file of the inbox: its name, and for each arrival of it the version and the job."""

    name: str
    versions: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Inbox:
    """Drops files, and checks what comes back."""

    driver: CloudDriver

    def drop(self, dropped: Dropped, job: RandomJob, entry: Entry) -> None:
        """Put a file there, and before it its options if they are not the defaults."""
        given = _given(entry.options(job))
        if given and not dropped.versions:
            folder = dropped.name.rpartition("/")[0]
            beside = f"{folder}/{OPTIONS}" if entry.folder_options else f"{dropped.name}{OPTIONS}"
            self._put(beside, json.dumps(given).encode())
        dropped.versions.append(self._put(dropped.name, entry.stored(job)))

    def drop_odd(self, name: str, odd: OddDrop) -> None:
        """Put a file there that cannot be scored."""
        self._put(f"{name}{OPTIONS}", odd.options)
        self._put(name, b"id,a\n1,2\n")

    def find_job(self, dropped: Dropped, *, meanwhile: Callable[[], None]) -> str:
        """Wait until the job of the last arrival has its request; add it, and return its id.

        Each poll calls ``meanwhile``: the faults may make the event a dead letter.
        """
        facts = [self._bucket, f"v1/inbox/{dropped.name}", dropped.versions[-1]]
        identity = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        for _ in polling(f"the job of {dropped.name}", _TIMEOUT_S, every_s=0.5):
            found = self.driver.ledger.find_job_key(identity)
            if found is not None and self._read(keys.cutting_request_key(found[0])) is not None:
                dropped.jobs.append(found[0])
                return found[0]
            meanwhile()
        raise AssertionError("unreachable")

    def repeat_event(self, dropped: Dropped) -> None:
        """Send the event of the last arrival again, as EventBridge may."""
        tag = self.driver.ledger.description(dropped.jobs[-1]).tags[INBOX_TAG]
        key = f"v1/inbox/{dropped.name}"
        found = self._s3.head_object(Bucket=self._bucket, Key=key, VersionId=dropped.versions[-1])
        written = {
            "key": key,
            "size": found["ContentLength"],
            "etag": found["ETag"].strip('"'),
            "version-id": dropped.versions[-1],
            "sequencer": tag.split()[0],
        }
        event = {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": "2026-01-01T00:00:00Z",
            "detail": {"bucket": {"name": self._bucket}, "object": written},
        }
        url = self.driver.cloud.outputs["InboxQueueUrl"]
        self.driver.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(event))

    def wait(self, names: Sequence[str], *, meanwhile: Callable[[], None]) -> None:
        """Wait until each file has a result or a report; ``meanwhile`` as for `find_job`."""
        waiting = list(names)
        for _ in polling("results in the outbox of", _TIMEOUT_S, about=waiting):
            waiting[:] = (name for name in waiting if not {"", ".error.json"} & set(self._found(name)))
            if not waiting:
                return
            meanwhile()

    def check(self, dropped: Dropped, ended: Sequence[tuple[Job, Expectation]]) -> None:
        """Raise AssertionError unless the outbox holds what the jobs of a file gave.

        ``ended``: the jobs in the order of their arrivals, each with its expected result. Of those
        that were delivered the last one's result stays, and the last report of the others.
        """
        delivered = [each for each in ended if each[0].state in _DELIVERED]
        reported = [job for job, _ in ended if job.state not in _DELIVERED]
        found = self._found(dropped.name)
        wanted = {
            *(("", ".manifest.json", ".rejects.csv") if delivered else ()),
            *((".error.json",) if reported else ()),
        }
        assert set(found) == wanted, f"{dropped.name}: the outbox has {set(found)}, not {wanted}"
        most = len(ended)
        assert max(found.values()) <= most, f"{dropped.name} was written more often than {most} times: {found}"
        if delivered:
            self._check_result(dropped.name, *delivered[-1])
        if reported:
            report = self._report(dropped.name)
            assert (report["job_id"], report["state"]) == (reported[-1].job_id, reported[-1].state), report

    def check_odd(self, name: str, odd: OddDrop) -> None:
        """Raise AssertionError unless the file has a report with the reason, and nothing else."""
        found = self._found(name)
        assert found == {".error.json": 1}, f"{name}: the outbox has {found}"
        report = self._report(name)
        assert odd.reason in report["reason"], report
        assert report.get("job_id") is None, report

    def uploads(self) -> list[str]:
        """Return the keys of unfinished uploads to the outbox."""
        found = self._s3.list_multipart_uploads(Bucket=self._bucket, Prefix=keys.OUTBOX)
        return [each["Key"] for each in found.get("Uploads", [])]

    def _check_result(self, name: str, job: Job, expected: Expectation) -> None:
        assert self._outbox(name) == expected.result, f"{name}: the result of {job.job_id} is another"
        assert self._outbox(f"{name}.manifest.json") == self._read(keys.manifest_key(job.job_id))
        rejects = self._outbox(f"{name}.rejects.csv").partition(b"\n")[2]
        assert [(each.row, each.record) for each in read_rejects(rejects)] == expected.rejected, f"{name}: the rejects"

    def _report(self, name: str) -> Mapping[str, Any]:
        report: Mapping[str, Any] = json.loads(self._outbox(f"{name}.error.json"))
        assert report["type"] == "FileError", report
        return report

    def _found(self, name: str) -> dict[str, int]:
        """Count the versions of each object of a file in the outbox, by the end of its name."""
        prefix = f"{keys.OUTBOX}{name}"
        listed = self._s3.list_object_versions(Bucket=self._bucket, Prefix=prefix).get("Versions", [])
        ends = [each["Key"].removeprefix(prefix) for each in listed]
        return {end: ends.count(end) for end in ends}

    def _outbox(self, name: str) -> bytes:
        return self._read(f"{keys.OUTBOX}{name}") or b""

    def _read(self, key: str) -> bytes | None:
        try:
            body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        return body

    def _put(self, name: str, body: bytes) -> str:
        made = self._s3.put_object(Bucket=self._bucket, Key=f"{keys.INBOX}{name}", Body=body)
        version: str = made["VersionId"]
        return version

    @property
    def _bucket(self) -> str:
        return self.driver.cloud.outputs["Bucket"]

    @property
    def _s3(self) -> Any:
        return self.driver.cloud.client("s3")


def _given(options: SubmitOptions) -> dict[str, Any]:
    """Return the options that differ from the defaults, as people write them beside a file."""
    usual = SubmitOptions()
    named = {each.name: getattr(options, each.name) for each in fields(options) if each.name not in NOT_HERE}
    return {name: value for name, value in named.items() if value != getattr(usual, name)}
