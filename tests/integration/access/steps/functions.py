"""The steps of the four functions: each handles a message or a scheduled event."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator

from tailrace_core.messages.events import RetryDue
from tailrace_core.messages.rounds import RoundDue
from tailrace_core.messages.scoring import ScoreDue
from tailrace_local.sagemaker.messages.notifications import TEST_MESSAGE
from tests.integration.access.steps.scene import BROKEN, CLOSED, MISALIGNED, Scene, plain
from tests.integration.access.steps.step import EffectWait, Observation, Step

_LARGE = 9 * 1024 * 1024
_LONG_AGO = 1.0
_TOO_FAST, _REFUSED = "OverLimit", "ValidationError"
"""boto3 raises the first code at once; it would retry other throttling codes."""
_PLAIN = ("", "", "", "")
_FUNCTIONS = {
    "Succeeded": "CollectResults",
    "Failed": "HandleFailures",
    "Retries": "DispatchRetries",
    "Scoring": "ScoreChunks",
    "Transforms": "RunTransforms",
    "CuttingEnds": "FailCutting",
    "Inbox": "StartJobs",
    "Outbox": "DeliverResults",
}
"""The functions by the queue that each takes messages from."""


_NOBODYS: dict[str, dict[str, object]] = {
    "CuttingEnds": {
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "detail": {
            "executionArn": "nobody's",
            "stateMachineArn": "nobody's",
            "name": "0" * 26,
            "status": "ABORTED",
            "input": "{}",
        },
    },
    "Inbox": {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-01-01T00:00:00Z",
        "detail": {
            "bucket": {"name": "nobodys"},
            "object": {"key": "v1/inbox/_hidden", "etag": "e", "size": 1, "sequencer": "0A", "version-id": "v"},
        },
    },
    "Outbox": {"type": "DeliveryDue", "schema_version": 1, "job_id": "0" * 26},
}
"""Messages without effect, to the queues of files."""


class Functions:
    """Steps by function. The first ones are small, to show each need by itself."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def collecting(self) -> Iterator[Step]:
        """The steps of CollectResults."""
        yield from self._process("CollectResults", "Succeeded")
        after = functools.partial(self._after, "CollectResults", "Succeeded")
        keep, ragged = {"keep": 8}, {"ragged": 2}
        yield Step("collect a chunk", lambda _: after("", "", "", ""))
        yield Step("collect a chunk with a kept column and rejected rows", lambda _: after(*_PLAIN, **keep, **ragged))
        yield Step("split a misaligned chunk", lambda _: after(MISALIGNED, "", "", "", **keep, **ragged))
        yield Step("reject a misaligned row", lambda _: after(MISALIGNED, **keep, **ragged))
        yield Step("start a chunk that waits while the endpoint takes nothing", lambda _: self._turn_refused(_TOO_FAST))
        yield Step("start a chunk that waits while the endpoint refuses", lambda _: self._turn_refused(_REFUSED))
        yield Step("abort a large part", lambda _: self._aborted("CollectResults", "Succeeded", ""))

    def failing(self) -> Iterator[Step]:
        """The steps of HandleFailures."""
        yield from self._process("HandleFailures", "Failed")
        after = functools.partial(self._after, "HandleFailures", "Failed")
        keep, ragged = {"keep": 8}, {"ragged": 2}
        yield Step("have a failed chunk tried again", lambda _: after(BROKEN))
        yield Step("keep the container's own words", lambda _: self._own_words())
        yield Step("park a chunk whose answer cannot be stored", lambda _: after(CLOSED))
        yield Step("reject a bad row", lambda _: after("", bad=0))
        yield Step("split a chunk with a bad row", lambda _: after(*_PLAIN, bad=1, **keep, **ragged))
        yield Step("reject a bad row with a kept column", lambda _: after("", bad=0, **keep, **ragged))
        yield Step("reject a row a second time", lambda _: self._rejected_again())
        yield Step("abort a large part", lambda _: self._aborted("HandleFailures", "Failed", "", bad=0))

    def dispatching(self) -> Iterator[Step]:
        """The steps of DispatchRetries."""
        yield from self._process("DispatchRetries", "Retries")
        yield Step("invoke the next attempt", lambda _: self._retried())
        yield Step("wait while the endpoint takes nothing", lambda _: self._retried(_TOO_FAST))
        yield Step("park what the endpoint refuses", lambda _: self._retried(_REFUSED))

    def reconciling(self) -> Iterator[Step]:
        """The steps of ReconcileJobs, which finds no leftovers of other steps."""
        self._scene.forget()
        yield Step("start a process that logs", lambda wait: self._scene.logged(wait, "ReconcileJobs", {}))
        yield Step("give up a tick that fails", self._tick_given_up)
        yield Step("find an answer that nobody heard of", lambda _: self._unheard("Succeeded", ""))
        yield Step("find a failure that nobody heard of", lambda _: self._unheard("Failed", "", bad=0))
        yield Step("look for an answer that is not there yet", lambda _: self._unanswered())
        yield Step(
            "have an attempt made again that was never answered", lambda _: self._unanswered(invoked_at=_LONG_AGO)
        )
        yield Step("invoke what nobody is known to have invoked", lambda _: self._unanswered(invoked=False))
        yield Step("park what the endpoint refuses", lambda _: self._refused())
        yield Step("end a job whose time is over", lambda _: self._late())

    # -- of each function

    def _process(self, function: str, queue: str) -> Iterator[Step]:
        event = {"Records": [_record(self._message(queue), self._scene.queue_arn(queue))]}
        yield Step("start a process that logs", lambda wait: self._scene.logged(wait, function, event))
        yield Step("have the queue mapped to it", lambda _: self._mapped(queue))
        yield Step("take messages from the queue", lambda wait: self._taken(wait, queue))

    def _mapped(self, queue: str) -> Observation:
        client = self._scene.cloud.client("lambda")
        try:
            made = client.create_event_source_mapping(
                FunctionName=self._scene.cloud.functions[_FUNCTIONS[queue]],
                EventSourceArn=self._scene.queue_arn(queue),
                Enabled=False,
            )
        except client.exceptions.InvalidParameterValueException:
            return {"the mapping": "is refused"}
        client.delete_event_source_mapping(UUID=made["UUID"])
        return {"the mapping": "is made"}

    def _taken(self, wait: EffectWait, queue: str) -> Observation:
        scene = self._scene
        sqs, url = scene.cloud.client("sqs"), scene.queue_url(queue)
        sqs.purge_queue(QueueUrl=url)
        scene.map(queue, enabled=True)
        try:
            sqs.send_message(QueueUrl=url, MessageBody=self._message(queue))
            taken = wait.until(lambda: not scene.waiting(queue))
        finally:
            scene.map(queue, enabled=False)
        return {"the message": "is taken and deleted" if taken else "stays in the queue"}

    @staticmethod
    def _message(queue: str) -> str:
        """Deliver a notification without effect."""
        if queue == "Scoring":
            nobodys = {"EndpointName": "e", "InputLocation": "s3://b/k", "InferenceId": "nobody's", "SentAt": 1.0}
            return ScoreDue.model_validate(nobodys).to_json()
        if queue == "Transforms":
            return RoundDue(job_id="0" * 26).to_json()
        if queue in _NOBODYS:
            return json.dumps(_NOBODYS[queue])
        if queue != "Retries":
            return TEST_MESSAGE
        return RetryDue(job_id="0" * 26, first_row=0, rows=1, attempt=2, tries=2, reason="nobody's").to_json()

    # -- after the endpoint's notification

    def _after(self, function: str, queue: str, *words: str, **options: int) -> Observation:
        return self._scene.after(function, queue, self._scene.submit(*words, **options))

    def _turn_refused(self, code: str) -> Observation:
        """Settle one of two chunks, so that the waiting one fits the window."""
        scene = self._scene
        job = scene.submit("", "", chunk_rows=1, window=1)
        scene.wait_for("Succeeded", job)
        with scene.refusing(job, code):
            return scene.after("CollectResults", "Succeeded", job)

    def _own_words(self) -> Observation:
        """Read the failure object beside the notification."""
        scene = self._scene
        job = scene.submit(BROKEN)
        scene.wait_for("Failed", job)
        (chunk,) = scene.chunks(job)
        key = str(chunk.failure_location).removeprefix(f"s3://{scene.bucket}/")
        scene.cloud.client("s3").put_object(Bucket=scene.bucket, Key=key, Body=b"out of memory")
        seen = scene.after("HandleFailures", "Failed", job)
        (chunk,) = scene.chunks(job)
        return {**seen, "the reason kept": plain(chunk.reason or "")}

    def _rejected_again(self) -> Observation:
        """Leave a part whose writer died before publishing it."""
        scene = self._scene
        job = scene.submit("", bad=0, keep=8)
        chunk = scene.chunks(job)[0].range.name
        scene.cloud.client("s3").put_object(
            Bucket=scene.bucket,
            Key=f"v1/jobs/{job}/parts/{chunk}.csv",
            Body=b"kkkkkkkk,\n",
            Metadata={"tailrace-rows": "1", "tailrace-rejected": "1"},
        )
        return scene.after("HandleFailures", "Failed", job)

    def _aborted(self, function: str, queue: str, *words: str, **options: int) -> Observation:
        scene = self._scene
        seen = self._after(function, queue, *words, keep=_LARGE, chunk_bytes=2 * _LARGE, **options)
        return {**seen, "uploads left": scene.drop_uploads()}

    # -- retries that are due

    def _retried(self, code: str = "") -> Observation:
        scene = self._scene
        job = scene.unanswered()
        chunk = scene.chunks(job)[0].range
        due = RetryDue(
            job_id=job, first_row=chunk.first_row, rows=chunk.rows, attempt=2, tries=2, reason="it is to be tried again"
        )
        if not code:
            return scene.told("DispatchRetries", "Retries", due.to_json(), job)
        with scene.refusing(job, code):
            return scene.told("DispatchRetries", "Retries", due.to_json(), job)

    # -- ticks

    def _tick(self, job: str, queue: str | None = None) -> Observation:
        scene = self._scene
        before = scene.times_heard(queue, job) if queue else 0
        seen = {**scene.invoked("ReconcileJobs", {}), **scene.became_of(job)}
        if queue:
            seen[f"messages in {queue}Queue"] = scene.times_heard(queue, job) - before
        # The next run of the reconciler must not find the leftovers.
        scene.forget()
        return seen

    def _unheard(self, queue: str, *words: str, **options: int) -> Observation:
        scene = self._scene
        job = scene.submit(*words, **options)
        scene.wait_for(queue, job)
        scene.make_due(job)
        return self._tick(job, queue)

    def _unanswered(self, **changes: float | bool) -> Observation:
        scene = self._scene
        job = scene.unanswered()
        scene.make_due(job, **changes)
        return self._tick(job)

    def _refused(self) -> Observation:
        scene = self._scene
        job = scene.unanswered()
        scene.make_due(job, invoked=False)
        with scene.refusing(job, _REFUSED):
            return self._tick(job)

    def _late(self) -> Observation:
        scene = self._scene
        job = scene.unanswered()
        scene.make_due(job)
        scene.change(job, "job", deadline_at=_LONG_AGO)
        return self._tick(job)

    def _tick_given_up(self, wait: EffectWait) -> Observation:
        scene, queue = self._scene, "ReconcileJobsDeadLetter"
        name, client = scene.cloud.functions["ReconcileJobs"], scene.cloud.client("lambda")
        url, before = scene.cloud.outputs[f"{queue}Queue"], scene.waiting(queue)
        # Without its table it cannot begin.
        variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        without = {key: value for key, value in variables.items() if key != "TAILRACE_LEDGER_TABLE"}
        config = {"FunctionName": name, "Qualifier": "$LATEST"}
        client.put_function_event_invoke_config(**config, MaximumRetryAttempts=0, MaximumEventAgeInSeconds=240)
        client.update_function_configuration(FunctionName=name, Environment={"Variables": without})
        try:
            client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
            came = wait.until(lambda: scene.waiting(queue) > before)
        finally:
            client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
            client.put_function_event_invoke_config(**config, MaximumRetryAttempts=2, MaximumEventAgeInSeconds=240)
        scene.cloud.client("sqs").purge_queue(QueueUrl=url)
        return {"the dead letter": "is there" if came else "is lost"}


def _record(body: str, queue_arn: str) -> dict[str, object]:
    return {
        "messageId": "1",
        "receiptHandle": "1",
        "body": body,
        "attributes": {},
        "messageAttributes": {},
        "md5OfBody": "0",
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
