"""Verdicts: the reason of an attempt whose transform job has ended without its output.

SageMaker uploads the output of each object that succeeded, goes on with the others when one fails,
and marks the job as failed if any did. So an absent output beside others is a refusal of that
object; one among no others may be the model's, the container's or the service's fault. The job
states one reason, "ClientError: See job logs for more information" for example, and no status for
an object. `tailrace_core.jobs.failure_phrases` knows the sentences that begin the reasons here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import FailureClass

NOT_STARTED = "could not be created"
NOT_HANDED_OVER = "could not leave this input to the endpoint"
NOT_LISTED = "was started without this input"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEnd:
    """The end of a round's transform job.

    Args:
        name: The job's name.
        status: ``Completed``, ``Failed`` or ``Stopped``.
        reason: The job's FailureReason.
        written: Inputs of the round whose outputs exist, the witness included.
        witnessed: Whether an input was answered that the model had answered in an earlier round;
            None if the round held none.
    """

    name: str
    status: str
    reason: str | None = None
    written: int = 0
    witnessed: bool | None = None


def absent_reason(end: RoundEnd, *, rows: int, tries: int, before: str | None) -> str:
    """Return the reason of an attempt without an output, as a failed notification states it.

    ``rows`` were sent, ``tries`` counts this attempt, and ``before`` is the reason of the one
    before it: attempts that a job did not reach are no evidence.
    """
    said = end.reason or "no reason was given"
    known = classify(end.reason)
    name = f"The batch transform job {end.name}"
    if end.status == "Failed" and known in _NOT_OF_ROWS:
        return f"{said} (batch transform job {end.name})"
    if end.status != "Failed" or known is FailureClass.TRANSIENT or end.witnessed is False:
        # The job broke off, or the model does not work now: no word about this input.
        return f"{name} ended without this input: {end.status}. {said}"
    others = f"with no output for it and {end.written} for others"
    again = re.search(_FAILED, before or "") is not None
    if _is_refused(end, rows, again=again):
        return f"{name} refused this input: it failed, {others}. {said}"
    if end.witnessed is None and not _is_of_client(end):
        # It may have broken off before it reached this input, which leaves no trace. If others were
        # answered, the next round has a witness.
        left_out = "may have left out this input" if end.written else "wrote nothing for this input"
        return f"{name} {left_out}, {others}, and failed. {said}"
    if tries > 1 and not again:
        return f"{name} is the first to fail with this input, {others}. {said}"
    return f"{name} wrote nothing for this input: it failed, {others}. {said}"


_FAILED = r"^The batch transform job \S+ (?:wrote nothing for this input:|is the first to fail with)"
_NOT_OF_ROWS = frozenset({FailureClass.THROTTLED, FailureClass.EXPIRED, FailureClass.INFRASTRUCTURE})


def _is_refused(end: RoundEnd, rows: int, *, again: bool) -> bool:
    """Return whether the rows are at fault, as far as this round shows."""
    of_client = _is_of_client(end)
    if not end.written:
        # The model may never have had a good input: a second refusal counts, as one does where the
        # container's status is known.
        return of_client and again
    # The job's one reason may be another input's: no row is rejected at its first failure. A
    # container that failed is tried again with the same rows first, and with a single row until its
    # attempts run out.
    return (rows > 1 or again) if of_client else (rows > 1 and again)


def _is_of_client(end: RoundEnd) -> bool:
    return (end.reason or "").startswith("ClientError")


def not_listed_reason(name: str) -> str:
    """Return the reason of an attempt that joined a round after its manifest was written."""
    return f"The batch transform job {name} {NOT_LISTED}, which joined the round too late."


def not_handed_over_reason(error: str) -> str:
    """Return the reason of an attempt that the stack's endpoint refuses to take over."""
    return f"The batch transform job {NOT_HANDED_OVER}: {error}"


def not_started_reason(name: str, error: str) -> str:
    """Return the reason of the attempts of a round whose job SageMaker refuses to create."""
    return f"The batch transform job {name} {NOT_STARTED}: {error}"
