"""Verdicts: the reason of an attempt whose transform job has ended without its output.

SageMaker uploads the output of each object that succeeded, goes on with the others when one fails,
and marks the job as failed if any did. So an absent output beside others is a refusal of that
object; one among no others may be the model's, the container's or the service's fault. The job
states one reason, "ClientError: See job logs for more information" for example, and no status for
an object. `tailrace_core.jobs.failure_phrases` knows the sentences that begin the reasons here.
"""

from __future__ import annotations

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
        has_witness: True if the round held an input that the model had answered in an earlier one.
    """

    name: str
    status: str
    reason: str | None = None
    written: int = 0
    has_witness: bool = False


def absent_reason(end: RoundEnd, *, rows: int, tries: int) -> str:
    """Return the reason of an attempt without an output, as a failed notification states it.

    ``rows`` were sent, and ``tries`` counts this attempt.
    """
    said = end.reason or "no reason was given"
    known = classify(end.reason)
    if end.status != "Failed":
        return f"The batch transform job {end.name} wrote nothing for this input: it ended as {end.status}. {said}"
    if known not in {FailureClass.UNKNOWN, FailureClass.DATA, FailureClass.TOO_LARGE}:
        # Access, capacity, an error of the service: no word about any row.
        return f"{said} (batch transform job {end.name})"
    if _is_refused(end, rows, tries):
        return (
            f"The batch transform job {end.name} refused this input: it failed, with no output for it and "
            f"{end.written} for others. {said}"
        )
    return (
        f"The batch transform job {end.name} wrote nothing for this input, and failed ({end.written} outputs of the "
        f"round exist). {said}"
    )


def _is_refused(end: RoundEnd, rows: int, tries: int) -> bool:
    """Return whether the rows are at fault, as far as this round shows."""
    of_client = (end.reason or "").startswith("ClientError")
    again = tries > 1
    if not end.written:
        # Nothing shows that the model works. Without a witness it may never have had a good input:
        # a second refusal counts, as one does where the container's status is known.
        return of_client and again and not end.has_witness
    if of_client:
        # The job's one reason may be another input's: no row is rejected at its first failure.
        return rows > 1 or again
    # A container that failed or died may have taken other inputs with it: these are tried again as
    # they are, and a single row until its attempts run out.
    return rows > 1 and again


def not_listed_reason(name: str) -> str:
    """Return the reason of an attempt that joined a round after its manifest was written."""
    return f"The batch transform job {name} {NOT_LISTED}, which joined the round too late."


def not_handed_over_reason(error: str) -> str:
    """Return the reason of an attempt that the stack's endpoint refuses to take over."""
    return f"The batch transform job {NOT_HANDED_OVER}: {error}"


def not_started_reason(name: str, error: str) -> str:
    """Return the reason of the attempts of a round whose job SageMaker refuses to create."""
    return f"The batch transform job {name} {NOT_STARTED}: {error}"
