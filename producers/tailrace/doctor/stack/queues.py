"""The queues: dead letters, parked chunks, retries that wait, ages, and the results' reader."""

from __future__ import annotations

from typing import Any

from tailrace.doctor.checks import each
from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, ok, problems_or, warn
from tailrace.doctor.metrics import metric
from tailrace_core.aws.calls import Call, Steps

DEAD_LETTERS = {
    "succeeded": "SucceededDeadLetterQueue",
    "failed": "FailedDeadLetterQueue",
    "retries": "RetriesDeadLetterQueue",
    "parked": "ParkedDeadLetterQueue",
    "results": "ResultsDeadLetterQueue",
    "reconcile-jobs": "ReconcileJobsDeadLetterQueue",
}
"""The queues as ``tailrace dlq`` names them, and their outputs."""
OPTIONAL_DEAD_LETTERS = {
    "scoring": "ScoringDeadLetterQueue",
    "transforms": "TransformsDeadLetterQueue",
    "cutting-ends": "CuttingEndsDeadLetterQueue",
    "inbox": "InboxDeadLetterQueue",
    "outbox": "OutboxDeadLetterQueue",
}
"""Queues of some stacks only, which alone have the output."""
WORK = ("SucceededQueue", "FailedQueue", "RetriesQueue")
OPTIONAL_WORK = ("ScoringQueueUrl", "TransformsQueueUrl", "CuttingEndsQueueUrl", "InboxQueueUrl", "OutboxQueueUrl")
OLD_S = 3600
"""Age of a message in a working queue from which something is wrong."""
UNREAD_S = 3600
"""Time without a reader after which results count as unread."""
_VISIBLE = "ApproximateNumberOfMessages"
_HELD = "ApproximateNumberOfMessagesNotVisible"
_DELAYED = "ApproximateNumberOfMessagesDelayed"


def dead_letters(stack: Deployment) -> Steps[list[Finding]]:
    """Report messages that failed repeatedly."""
    outputs = {**DEAD_LETTERS, **{name: each for name, each in OPTIONAL_DEAD_LETTERS.items() if each in stack.outputs}}

    def look(name: str) -> Steps[list[Finding]]:
        counts = yield from _counts(stack, outputs[name])
        letters = counts[_VISIBLE] + counts[_HELD]
        if not letters:
            return [ok(name)]
        if name == "reconcile-jobs":
            url = stack.output(outputs[name])
            command = stack.commands.aws("sqs", "purge-queue", "--queue-url", url)
            advice = "read the log of ReconcileJobs first; ticks need no redrive, delete them once it runs again"
        else:
            command = stack.commands.tailrace("dlq", "redrive", name, "--yes")
            advice = f"see them with `{stack.commands.tailrace('dlq', 'peek', name)}` and fix the cause first"
        return [warn(f"{letters} dead letters of {name}", command=command, advice=advice)]

    found = yield from each(outputs, look)
    return problems_or(found, "no dead letters")


def parked(stack: Deployment) -> Steps[list[Finding]]:
    """Report chunks that wait for an operator."""
    counts = yield from _counts(stack, "ParkedQueue")
    waiting = counts[_VISIBLE] + counts[_HELD]
    if not waiting:
        return [ok("no chunk waits for an operator")]
    listed = stack.commands.tailrace("parked", "list")
    return [
        warn(
            f"{waiting} parked chunks wait for an operator",
            command=stack.commands.tailrace("parked", "redrive", "--all", "--yes"),
            advice=f"see them with `{listed}` and fix the cause first",
        )
    ]


def retries(stack: Deployment) -> Steps[list[Finding]]:
    """Count the attempts that wait for their delay, which is normal after failures."""
    counts = yield from _counts(stack, "RetriesQueue")
    if not counts[_DELAYED]:
        return [ok("no attempt waits for its delay")]
    command = stack.commands.tailrace("jobs")
    return [ok(f"{counts[_DELAYED]} attempts wait for their delay, as they do after failures", command=command)]


def ages(stack: Deployment) -> Steps[list[Finding]]:
    """Report messages that nothing handles."""

    def look(output: str) -> Steps[list[Finding]]:
        oldest_s = yield from _metric(stack, output, "ApproximateAgeOfOldestMessage", "Maximum", within_s=900)
        counts = yield from _counts(stack, output)
        waiting = counts[_VISIBLE] + counts[_HELD]
        if not waiting or oldest_s is None or oldest_s < OLD_S:
            return [ok(output)]
        seen = f"the oldest of {waiting} messages in {output} is {oldest_s / 3600:.1f} hours old"
        return [warn(seen, advice="read the log of its function: it does not run, is throttled, or fails")]

    found = yield from each((*WORK, *(name for name in OPTIONAL_WORK if name in stack.outputs)), look)
    return problems_or(found, "messages in the working queues are recent")


def results_reader(stack: Deployment) -> Steps[list[Finding]]:
    """Report a results queue that nobody reads."""
    counts = yield from _counts(stack, "ResultsQueue")
    if not counts[_VISIBLE]:
        return [ok("no result waits")]
    received = yield from _metric(stack, "ResultsQueue", "NumberOfMessagesReceived", "Sum", within_s=UNREAD_S)
    oldest_s = yield from _metric(stack, "ResultsQueue", "ApproximateAgeOfOldestMessage", "Maximum", within_s=900)
    seen = f"{counts[_VISIBLE]} results wait in ResultsQueue"
    if received or counts[_HELD] or (oldest_s or 0.0) < UNREAD_S:
        return [ok(f"{seen}, and it is read" if received or counts[_HELD] else f"{seen}, the oldest below an hour")]
    return [
        warn(
            f"{seen}, and nobody has read them for an hour; they expire after 7 days",
            command=stack.commands.aws("sqs", "purge-queue", "--queue-url", stack.output("ResultsQueue")),
            advice=f"start its reader (`{stack.commands.tailrace('results', '--follow')}` shows them), or purge it: "
            "parts and manifests stay in the bucket",
        )
    ]


def _counts(stack: Deployment, output: str) -> Steps[dict[str, int]]:
    names = [_VISIBLE, _HELD, _DELAYED]
    answer = yield Call("sqs", "get_queue_attributes", {"QueueUrl": stack.output(output), "AttributeNames": names})
    attributes: dict[str, Any] = answer.get("Attributes") or {}
    return {name: int(attributes.get(name, 0)) for name in names}


def _metric(stack: Deployment, output: str, name: str, statistic: str, *, within_s: int) -> Steps[float | None]:
    """Return a statistic of a queue's metric over the last seconds; None without data."""
    return (yield from metric(stack, "AWS/SQS", name, {"QueueName": stack.queue_name(output)}, statistic, within_s))
