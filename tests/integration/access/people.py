"""What operators and downstream readers do, each with their own policy and nothing else."""

from __future__ import annotations

from typing import Any

from tailrace.client import Tailrace
from tailrace_local.sagemaker.notifications import TEST_MESSAGE
from tailrace_local.testing import RunningCloud
from tests.integration.access.exercise import Exercise
from tests.integration.access.identities import Person
from tests.integration.pipeline.command import Finished, tailrace

_CLOSED = "Closed"
_PLAN = {
    "rules": [
        {
            "name": "closed",
            "when": {"row": _CLOSED, "limit": 2},
            "do": {"kind": "fail_upload", "message": "Access denied"},
        }
    ]
}
LETTERS = ("succeeded", "failed", "retries", "results", "parked")


class Operator:
    """Looks at what was parked and at dead letters, and mends."""

    def __init__(self, cloud: RunningCloud, person: Person, exercise: Exercise) -> None:
        self._cloud = cloud
        self._person = person
        self._exercise = exercise

    def everything(self) -> None:
        """Each command for operators once."""
        self.parked_chunks()
        self.dead_letters()

    def parked_chunks(self) -> None:
        """Of two parked chunks one is redriven with corrected rows, one discarded; then the job ends."""
        with self._exercise.faults(_PLAN):
            source = self._exercise.rows("closed.csv", _CLOSED, 8)
            done = self._exercise.run("submit", source, "--chunk-rows", "4", "--json")
            assert done.code == 0, done.stderr
            job: str = done.json["job_id"]
            self._exercise.eventually(lambda: self.run("status", job, "--json").json["times_parked"] == 2, "the chunks")
        listed = [each for each in self.run("parked", "list", "--json").json_lines if each["job_id"] == job]
        assert len(listed) == 2
        assert len(self.run("parked", "list", "--job", job, "--json").json_lines) == 2
        assert self.run("parked", "show", job, "0-4", "--json").json["reason"]
        rows = self.run("parked", "show", job, "0-4", "--input").stdout
        self.run("parked", "redrive", job, "0-4", "--edit", "-", stdin=rows)
        self.run("parked", "discard", job, "4-4", "--reason", "closed for good", "--yes")
        self._exercise.eventually(lambda: self.run("status", job, "--json").json["rows_open"] == 0, "the job's end")
        assert job in [each["job_id"] for each in self.run("jobs", "--json").json_lines]
        assert self.run("rejects", job).stdout

    def dead_letters(self) -> None:
        """One letter in every queue: listed, peeked at, sent back; ticks are only looked at."""
        sqs, outputs = self._cloud.client("sqs"), self._cloud.outputs
        for name in LETTERS:
            sqs.send_message(QueueUrl=outputs[f"{name.capitalize()}DeadLetterQueue"], MessageBody=TEST_MESSAGE)
        sqs.send_message(QueueUrl=outputs["ReconcileJobsDeadLetterQueue"], MessageBody="{}")
        assert {each["queue"] for each in self.run("dlq", "list", "--json").json_lines} >= {*LETTERS, "reconcile-jobs"}
        self.run("dlq", "peek", "reconcile-jobs")
        for name in LETTERS:
            self.run("dlq", "peek", name)
            self.run("dlq", "redrive", name, "--yes")

    def run(self, *arguments: Any, stdin: bytes = b"") -> Finished:
        """``tailrace …`` as the operator."""
        done = _run(self._cloud, self._person, *arguments, stdin=stdin)
        assert done.code == 0, done.stderr
        return done


class Reader:
    """Reads results as a service of somebody else's does."""

    def __init__(self, cloud: RunningCloud, person: Person) -> None:
        self._cloud = cloud
        self._person = person

    def everything(self, finished_job: str) -> None:
        """Events from the queue, some given back; then what they name."""
        with Tailrace(
            self._cloud.facts.stack,
            session=self._person.session,
            endpoint_url=self._cloud.endpoint_url,
        ).results() as reader:
            next(iter(reader))  # the rest of the batch is given back
        done = _run(self._cloud, self._person, "results", "--json")
        assert done.code == 0, done.stderr
        bucket, s3 = self._cloud.outputs["Bucket"], self._person.client("s3")
        keys = self._cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"v1/jobs/{finished_job}/")["Contents"]
        for key in [each["Key"] for each in keys]:
            if any(name in key for name in ("/parts/", "/rejects/", "manifest.json")):
                s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _run(cloud: RunningCloud, person: Person, *arguments: Any, stdin: bytes = b"") -> Finished:
    stack = ("--stack", cloud.facts.stack)
    return tailrace(cloud, *arguments, *stack, stdin=stdin, environment=person.environment)
