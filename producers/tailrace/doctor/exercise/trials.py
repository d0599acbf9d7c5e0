"""Trials: one request each, what should become of it, and the permissions that it uses."""

from __future__ import annotations

from dataclasses import dataclass

_SENDS = "s3:PutObject on v1/jobs/*/input/* and sagemaker:InvokeEndpointAsync (ProducerPolicy)"
_READS = "s3:GetObject on v1/jobs/*/input/* (the endpoint's role, ReadInputs)"
_WRITES = "s3:PutObject on v1/outputs/* or v1/failures/* (the endpoint's role, WriteOutputsAndFailures)"
_NOTIFIES = "sns:Publish (the endpoint's role, Notify); sqs:SendMessage (the queue's policy)"
_LEARNS = "s3:ListBucket on v1/jobs/* (the endpoint's role, LearnWhatIsMissing)"
BAD_FIELD = b"no-number-\xc3\xa4"


@dataclass(frozen=True, slots=True)
class Trial:
    """One request of the exercise."""

    name: str
    body: bytes | None
    """The input; None where no object shall be."""
    content_type: str | None
    """The request's; None for none, so that the container sees the object's or nothing."""
    succeeds: bool | None
    """True if the endpoint should score it, False if it should refuse, None for either."""
    uses: tuple[str, ...]
    """The permissions, with the policy that grants each."""


def trials(row: bytes, content_type: str) -> tuple[Trial, ...]:
    """Return the trials for a row that the model can score."""
    bad = b",".join(BAD_FIELD for _ in row.split(b","))
    whole = (_SENDS, _READS, _WRITES, _NOTIFIES)
    return (
        Trial("good-row", row + b"\n", content_type, succeeds=True, uses=whole),
        Trial("good-row-without-content-type", row + b"\n", None, succeeds=None, uses=whole),
        Trial("bad-row", bad + b"\n", content_type, succeeds=False, uses=whole),
        Trial("missing-input", None, content_type, succeeds=False, uses=(_SENDS, _LEARNS, _NOTIFIES)),
    )
