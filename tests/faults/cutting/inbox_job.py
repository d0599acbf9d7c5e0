"""A file of the inbox in the simulation: its start by an event, and the delivery of its result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from tailrace_consumers.adapters.body_reading import reading_bodies
from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.files.deliver_results import handler as deliver_results
from tailrace_consumers.files.deliver_results.service import DeliverResults
from tailrace_consumers.files.start_jobs import handler as start_jobs
from tailrace_consumers.files.start_jobs.service import StartJobs
from tailrace_consumers.settings import DeliverySettings, InboxSettings
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.identities import new_ulid
from tailrace_core.messages.manifest import Manifest
from tailrace_core.objects.joining.plan import JoinLimits
from tailrace_core.objects.keys import manifest_key
from tailrace_core.submission.option_objects import NOT_HERE
from tailrace_core.submission.options import SubmitOptions
from tests.faults.cutting.remote_job import MACHINE, RemoteJob
from tests.faults.injection import Crash, Process
from tests.faults.memory_aws import cloud as names
from tests.faults.memory_aws.sqs import Queue
from tests.faults.simulation import StuckError

START_JOBS, DELIVER_RESULTS = "start_jobs", "deliver_results"
OUTBOX_QUEUE = "outbox"
FILE, RESULT = "v1/inbox/rows.csv", "v1/outbox/rows.csv"
SMALL = JoinLimits(min_part_bytes=5, max_part_bytes=10_000, max_parts=1_000, gather_bytes=8)
ON_TIME = 0.7
"""Share of the looks at the clock at which a delivery has time left."""
_TRIES = 8
_INBOX = InboxSettings(
    bucket=names.BUCKET,
    ledger_table=names.TABLE,
    results_topic=names.RESULTS_TOPIC,
    cutting_machine=MACHINE,
    endpoint_name=names.ENDPOINT,
    batch_transform=True,
    scoring_queue=names.SCORING,
    transforms_queue=names.TRANSFORMS,
)
_OUTBOX = DeliverySettings(bucket=names.BUCKET, ledger_table=names.TABLE, outbox_queue=OUTBOX_QUEUE)


@dataclass
class InboxJob(RemoteJob):
    """A job that StartJobs starts, and whose result DeliverResults puts into the outbox."""

    def deliver(self) -> None:
        """Handle the job's last event, twice at least, and check what is in the outbox."""
        queue = self.sim.cloud.sqs.queues.setdefault(OUTBOX_QUEUE, Queue(OUTBOX_QUEUE))
        published = self.sim.cloud.sns.published[names.RESULTS_TOPIC]
        (body,) = {each for each in published if '"JobFinished"' in each and self.job_id in each}
        self._handled(DELIVER_RESULTS, partial(self._deliver, body))
        while queue.messages:
            message = queue.messages.pop(min(queue.messages))
            self._handled(DELIVER_RESULTS, partial(self._deliver, message.body))
        self._check_outbox()

    def _objects(self) -> Iterator[bytes]:
        yield from ()

    def _started(self) -> str:
        s3 = self.sim.cloud.s3
        s3.write(f"{FILE}.options.json", json.dumps(_given(self.options)).encode(), {})
        s3.write(FILE, self.data.text, {})
        written = {"key": FILE, "size": len(self.data.text), "etag": s3.objects[FILE].etag.strip('"'), "sequencer": "1"}
        event = {
            "detail-type": "Object Created",
            "source": "aws.s3",
            "time": "2026-11-28T02:00:00Z",
            "detail": {"bucket": {"name": names.BUCKET}, "object": written},
        }
        self._handled(START_JOBS, partial(self._start_job, json.dumps(event)))
        (job_id,) = self._service.started
        return job_id

    def _start_job(self, body: str, execute: Callable[..., Any]) -> None:
        settings = _INBOX.model_copy(update={"endpoint_kind": self._kind})
        start_jobs.handle(body, StartJobs(settings, execute, now=self.sim.cloud.clock, new_id=new_ulid))

    @property
    def _kind(self) -> str:
        return "async" if self.options.via in {None, "transform"} else str(self.options.via)

    def _deliver(self, body: str, execute: Callable[..., Any]) -> None:
        service = DeliverResults(_OUTBOX, execute, concurrency=1, limits=SMALL)
        deliver_results.handle(body, service, lambda: 900.0 if self._source.random() < ON_TIME else 0.0)

    def _handled(self, role: str, handle: Callable[[Callable[..., Any]], None]) -> None:
        """Handle a message until that succeeds, and once more."""
        succeeded = 0
        for _ in range(_TRIES):
            self.sim.schedule.begin(role)
            process = Process(self.sim.cloud, role, self.sim.schedule)
            try:
                handle(reading_bodies(process.retrying_executor(BotocoreExecutor(self.sim.cloud.client))))
            except Crash:
                self.sim.functions.deaths += 1
                continue
            except TailraceError as exc:
                self.sim.functions.errors.append((role, exc))
                continue
            succeeded += 1
            if succeeded > 1:
                return
        if not succeeded:
            raise StuckError(f"{role} never succeeds")

    def _check_outbox(self) -> None:
        objects = self.sim.cloud.s3.objects
        found = {key.removeprefix(RESULT): each.body for key, each in objects.items() if key.startswith(RESULT)}
        body = objects[manifest_key(self.job_id)].body
        manifest = Manifest.model_validate_json(body)
        if not manifest.state.startswith("completed"):
            assert set(found) == {".error.json"}, found
            assert json.loads(found[".error.json"])["state"] == manifest.state
            return
        parts = b"".join(objects[each.key or ""].body for each in manifest.parts)
        rejects = b"".join(objects[each.rejects_key].body for each in manifest.parts if each.rejects_key)
        header = ",".join(manifest.columns).encode() + b"\n"
        assert set(found) == {"", ".manifest.json", ".rejects.csv"}, found
        assert (found[""], found[".manifest.json"]) == (header + parts, body)
        assert found[".rejects.csv"].partition(b"\n")[2] == rejects
        # The bucket's rule is not needed here: each object's end aborts what was begun for it.
        assert not [key for key, _, _ in self.sim.cloud.s3.uploads.values() if key.startswith(RESULT)]


def _given(options: SubmitOptions) -> dict[str, Any]:
    """Return the options that differ from the default, as people write them beside a file."""
    default = SubmitOptions()
    changed = {each.name: getattr(options, each.name) for each in fields(options) if each.name not in NOT_HERE}
    return {name: value for name, value in changed.items() if value != getattr(default, name)}
