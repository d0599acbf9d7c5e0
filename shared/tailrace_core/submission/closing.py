"""Ends a job early, on request or because its submit failed."""

from __future__ import annotations

from tailrace_core.aws.calls import Steps
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.model import JobState
from tailrace_core.ledger.closing import cancel_open_chunks_steps, close_job_steps
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.finishing import finish_if_complete_steps
from tailrace_core.submission.finishing import ManifestPublisher
from tailrace_core.submission.resources import Resources
from tailrace_core.submission.round_requests import ask_for_look

_NO_LIMIT = 2**31
_MAX_REASON_CHARS = 1000


def end_job(
    job_id: str, outcome: JobState, reason: str, *, resources: Resources, now: float, who: str | None = None
) -> Steps[bool]:
    """Close the job, cancel its open chunks and finish it; return False if it had been closed.

    The reconciler does what is left undone. ``who`` is the ARN of the person who asked for it.
    """
    ledger = DynamoSteps(resources.table)
    closed = yield from close_job_steps(job_id, outcome, reason, ledger=ledger, now=now, who=who)
    if resources.transforms_queue is not None:
        yield from ask_for_look(job_id, (yield from ledger.settings(job_id)), resources)
    if (yield from cancel_open_chunks_steps(job_id, ledger=ledger, now=now, limit=_NO_LIMIT)):
        yield from finish_if_complete_steps(job_id, ledger=ledger, effects=ManifestPublisher(resources), now=now)
    return closed


def abandon_job(job_id: str, key: str | None, error: BaseException, *, resources: Resources, now: float) -> Steps[None]:
    """End the job of a submit that failed with ``error``, unless its key lets the job be continued.

    Adds a note to ``error`` that states the job's state. An error that is no `Exception` is an
    interruption (Ctrl-C, `asyncio.CancelledError`): the job ends as cancelled instead of failed.
    """
    if key is not None:
        error.add_note((yield from _note_with_key(job_id, key, resources)))
        return
    interrupted = not isinstance(error, Exception)
    outcome = JobState.CANCELLED if interrupted else JobState.FAILED
    reason = "submit was interrupted" if interrupted else f"submit failed: {error}"
    try:
        yield from end_job(job_id, outcome, reason[:_MAX_REASON_CHARS], resources=resources, now=now)
    except TailraceError as closing:
        error.add_note(f"job {job_id} could not be closed ({closing}); cancel it with `tailrace cancel {job_id}`")
    else:
        error.add_note(f"job {job_id} was closed as {outcome}")


def _note_with_key(job_id: str, key: str, resources: Resources) -> Steps[str]:
    try:
        job = yield from DynamoSteps(resources.table).job(job_id)
    except TailraceError:
        job = None
    if job is not None and job.state is not JobState.SUBMITTING:
        return f"job {job_id} of the job key {key!r} is {job.state} already; nothing was changed in it"
    return f"job {job_id} stays open; submit the same input with the job key {key!r} again to continue it"
