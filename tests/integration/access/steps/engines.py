"""The steps of functions and of the model's role where transform jobs, or ScoreChunks, score chunks.

Notifications are written here, so that no step waits for a model: what a function may do with one
does not depend on its sender.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from botocore.exceptions import ClientError

from tailrace_core.messages.events import RetryDue
from tailrace_core.messages.notifications import RESULT
from tailrace_core.messages.rounds import RoundDue
from tailrace_core.objects import keys
from tailrace_core.transforms import notes, rounds
from tests.integration.access.steps.functions import Functions
from tests.integration.access.steps.scene import Scene, plain
from tests.integration.access.steps.step import EffectWait, Observation, Step
from tests.integration.local.polling import eventually

_REFUSED = "ClientError: Received client error (400) from model."
_LOGS = "/aws/sagemaker/TransformJobs"
_SOON = 1 / 20
"""Pace at which a transform job starts and stops within a second."""


class Engines(Functions):
    """Steps of jobs ``via`` transform, or via the real-time endpoint of the stack."""

    def __init__(self, scene: Scene, via: str) -> None:
        super().__init__(scene)
        self._via = via

    # -- functions that every stack has

    def collecting(self) -> Iterator[Step]:
        """The steps of CollectResults."""
        yield Step(f"split a misaligned chunk, via {self._via}", lambda _: self._misaligned())

    def failing(self) -> Iterator[Step]:
        """The steps of HandleFailures."""
        yield Step(f"split a chunk with a bad row, via {self._via}", lambda _: self._refused_by_the_model())

    def dispatching(self) -> Iterator[Step]:
        """The steps of DispatchRetries."""
        yield Step(f"invoke the next attempt, via {self._via}", lambda _: self._next_attempt())

    def reconciling(self) -> Iterator[Step]:
        """The steps of ReconcileJobs."""
        self._scene.forget()
        yield Step(f"find a job that waits, via {self._via}", lambda _: self._waits())

    def _job(self, *words: str, closed: int = 1, **options: int) -> str:
        """Create a job whose first round, if it has rounds, can be joined no more."""
        scene = self._scene
        job = scene.submit(*words, via=self._via, **options)
        if self._via == "transform":
            found = scene.ledger.job(job)
            assert found is not None
            for number in range(closed):
                note = notes.ClosedRound(number, time.time())
                scene.ledger.write_note(found, notes.closed_note(number), note.to_json())
        return job

    def _misaligned(self) -> Observation:
        scene = self._scene
        job = self._job("", "", chunk_rows=2)
        (chunk,) = scene.chunks(job)
        key = keys.output_key(str(chunk.inference_id))
        if self._via == "transform":
            key = rounds.output_key(job, 0, chunk.range)
        scene.cloud.client("s3").put_object(Bucket=scene.bucket, Key=key, Body=b"1\n")
        answer = {"outputLocation": f"s3://{scene.bucket}/{key}"}
        told = _notification(str(chunk.inference_id), "Completed", responseParameters=answer)
        return scene.told("CollectResults", "Succeeded", told, job)

    def _refused_by_the_model(self) -> Observation:
        scene = self._scene
        job = self._job("", "", chunk_rows=2)
        (chunk,) = scene.chunks(job)
        told = _notification(str(chunk.inference_id), "Failed", failureReason=_REFUSED)
        return scene.told("HandleFailures", "Failed", told, job)

    def _next_attempt(self) -> Observation:
        scene = self._scene
        job = self._job("")
        chunk = scene.chunks(job)[0].range
        due = RetryDue(
            job_id=job, first_row=chunk.first_row, rows=chunk.rows, attempt=2, tries=2, reason="it is to be tried again"
        )
        return scene.told("DispatchRetries", "Retries", due.to_json(), job)

    def _waits(self) -> Observation:
        scene = self._scene
        job = self._job("")
        if self._via == "transform":
            scene.change(job, "job", due_at=1.0)
        else:
            scene.make_due(job, invoked=False)
        return self._tick(job)

    # -- ScoreChunks

    def scoring(self) -> Iterator[Step]:
        """The steps of ScoreChunks."""
        yield from self._process("ScoreChunks", "Scoring")
        yield Step("score a chunk", lambda _: self._scored())
        yield Step("report a chunk that the model refuses", lambda _: self._scored(bad=0))
        yield Step("report an input that is missing", lambda _: self._scored(lost=True))

    def _scored(self, *, bad: int | None = None, lost: bool = False) -> Observation:
        scene = self._scene
        job = scene.submit("", bad=bad, via=self._via)
        (chunk,) = scene.chunks(job)
        if lost:
            key = keys.input_key(job, chunk.range)
            scene.cloud.client("s3").delete_object(Bucket=scene.bucket, Key=key)
        seen = scene.told("ScoreChunks", "Scoring", scene.wait_for("Scoring", job), job)
        answer = f"s3://{scene.bucket}/{keys.output_key(str(chunk.inference_id))}"
        return {**seen, "the answer": "is stored" if scene.has(answer) else "is not stored", **self._reported(job)}

    def _reported(self, job: str) -> Observation:
        """Observe the notifications about a job."""
        found = {queue: self._scene.all_heard(queue, job) for queue in ("Succeeded", "Failed")}
        return {
            "successes": len(found["Succeeded"]),
            "failures": [plain(json.loads(each)["failureReason"]) for each in found["Failed"]],
        }

    # -- RunTransforms

    def transforming(self) -> Iterator[Step]:
        """The steps of RunTransforms."""
        yield from self._process("RunTransforms", "Transforms")
        yield Step("start a round", lambda _: self._started())
        yield Step("report what a round left", lambda _: self._left())
        yield Step("start the next round", lambda _: self._next_started())
        yield Step("report what the next round left", lambda _: self._next_left())
        yield Step("stop the transform job of a cancelled job", lambda _: self._stopped())
        yield self.handing_over("async")

    def handing_over(self, engine: str) -> Step:
        """Return the step that hands few chunks to the stack's endpoint."""
        return Step(f"hand what is left to the endpoint, {engine}", lambda _: self._handed_over(engine))

    def _look(self, job: str) -> Observation:
        """Observe RunTransforms' look at a job's rounds."""
        seen = self._scene.told("RunTransforms", "Transforms", RoundDue(job_id=job).to_json(), job)
        return {**seen, **self._reported(job)}

    def _started(self) -> Observation:
        job = self._job("", closed=0)
        seen = self._look(job)
        return {**seen, "the transform job": self._end(job, 0)}

    def _left(self) -> Observation:
        """Look at a round that answered one of two chunks."""
        scene = self._scene
        job = self._job("", "", closed=0, chunk_rows=1)
        with scene.answering_late():
            self._look(job)
            self._end(job, 0)
        answered = rounds.output_key(job, 0, scene.chunks(job)[0].range)
        scene.cloud.client("s3").put_object(Bucket=scene.bucket, Key=answered, Body=b"1\n")
        return self._look(job)

    def _second_round(self) -> str:
        """Create a job whose chunk waits for a round that has not been started."""
        scene = self._scene
        job = self._job("", closed=2)
        (chunk,) = scene.chunks(job)
        key = rounds.output_key(job, 1, chunk.range)
        scene.ledger.confirm_all([dataclasses.replace(chunk, output_location=f"s3://{scene.bucket}/{key}")])
        return job

    def _next_started(self) -> Observation:
        job = self._second_round()
        seen = self._look(job)
        return {**seen, "the transform job": self._end(job, 1)}

    def _next_left(self) -> Observation:
        job = self._second_round()
        with self._scene.answering_late():
            self._look(job)
            self._end(job, 1)
        return self._look(job)

    def _stopped(self) -> Observation:
        with self.running_round() as (job, name):
            self._scene.client.cancel(job)
            seen = self._look(job)
            return {**seen, "the transform job": "runs on" if self._status(name) == "InProgress" else "is stopped"}

    def _handed_over(self, engine: str) -> Observation:
        scene = self._scene
        job = self._second_round()
        found = scene.ledger.job(job)
        assert found is not None
        # The chunk joined a round that nobody had closed yet.
        (chunk,) = scene.chunks(job)
        key = rounds.output_key(job, 2, chunk.range)
        scene.ledger.confirm_all([dataclasses.replace(chunk, output_location=f"s3://{scene.bucket}/{key}")])
        scene.ledger.write_note(found, notes.closed_note(2), notes.ClosedRound(2, time.time(), engine).to_json())
        seen = scene.told("RunTransforms", "Transforms", RoundDue(job_id=job).to_json(), job)
        return {**seen, "failures": self._reported(job)["failures"]}

    @contextmanager
    def running_round(self) -> Iterator[tuple[str, str]]:
        """Create a job with a transform job that runs until the block ends; yield their names."""
        job = self._job("", closed=0)
        with self._scene.answering_late():
            self._look(job)
            try:
                yield job, rounds.transform_job_name(job, 0)
            finally:
                self._end(job, 0)

    def _status(self, name: str) -> str | None:
        with suppress(ClientError):
            found = self._scene.cloud.client("sagemaker").describe_transform_job(TransformJobName=name)
            return str(found["TransformJobStatus"])
        return None

    def _end(self, job: str, number: int) -> str:
        """Stop a round's transform job, and return what became of it."""
        client, name = self._scene.cloud.client("sagemaker"), rounds.transform_job_name(job, number)
        if self._status(name) is None:
            return "is not created"
        with self._scene.cloud.time_scaled(_SOON):
            with suppress(ClientError):
                client.stop_transform_job(TransformJobName=name)
            eventually(lambda: self._status(name) in {"Stopped", "Completed", "Failed"}, what=f"the end of {name}")
        return "is created"

    # -- the model's role

    def serving(self) -> Iterator[Step]:
        """The steps of the model's role in a transform job."""
        yield Step("run a transform job over a list of inputs", self._run)

    def _run(self, wait: EffectWait) -> Observation:
        scene = self._scene
        logs, sagemaker = scene.cloud.client("logs"), scene.cloud.client("sagemaker")
        if logs.describe_log_groups(logGroupNamePrefix=_LOGS)["logGroups"]:
            logs.delete_log_group(logGroupName=_LOGS)
        job = self._second_round()
        name = rounds.transform_job_name(job, 1)

        def logged() -> bool:
            there = logs.describe_log_groups(logGroupNamePrefix=_LOGS)["logGroups"]
            named = {"logGroupName": _LOGS, "logStreamNamePrefix": name}
            return bool(there) and bool(logs.filter_log_events(**named)["events"])

        with scene.cloud.time_scaled(_SOON):
            self._look(job)
            eventually(lambda: self._status(name) in {"Completed", "Failed"}, what=f"the end of {name}")
        found = sagemaker.describe_transform_job(TransformJobName=name)
        answered = scene.has(f"s3://{scene.bucket}/{rounds.output_prefix(job, 1)}")
        lines = wait.until(logged)
        return {
            "the transform job": plain(f"{found['TransformJobStatus']} {found.get('FailureReason', '')}".strip()),
            "the answer": "is stored" if answered else "is not stored",
            "its log": "is written" if lines else "is lost",
        }


def _notification(inference_id: str, status: str, **fields: object) -> str:
    return json.dumps({"eventName": RESULT, "invocationStatus": status, "inferenceId": inference_id, **fields})
