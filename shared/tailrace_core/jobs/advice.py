"""Advice to the person who decides about a failure: by known phrases, else by its class."""

from __future__ import annotations

import re

from tailrace_core.jobs.failures import FailureClass

_BY_PHRASE: tuple[tuple[str, str], ...] = (
    (
        r"^the batch transform job \S+ (?:ended without|wrote nothing for) this input",
        (
            "See the transform job's FailureReason and its data log (/aws/sagemaker/TransformJobs), which holds the "
            "container's words for each input; fix the model or wait, then redrive, or redrive in halves."
        ),
    ),
    (
        r"kms|ciphertext|customer master key",
        "Allow the endpoint's role to use the bucket's key (kms:Decrypt and kms:GenerateDataKey), then redrive.",
    ),
    (
        r"no ?such ?key|specified key does not exist",
        (
            "The input object is gone: check the bucket's lifecycle rules and who deletes objects under v1/jobs/; "
            "discard the chunk, or submit its rows again."
        ),
    ),
    (
        r"no ?such ?bucket|specified bucket does not exist",
        "Check that the bucket of the stack exists and is in the endpoint's region, then redrive.",
    ),
    (
        r"access ?denied|not authorized|forbidden",
        (
            "Allow the endpoint's role to read v1/jobs/ and to write v1/outputs/ and v1/failures/ in the bucket (its "
            "own policy, the bucket's policy, and any policy of the organization), then redrive."
        ),
    ),
    (
        r"security token|credentials",
        (
            "The endpoint's role cannot be used any more: check that it exists and that SageMaker may assume it, then "
            "redrive."
        ),
    ),
    (
        r"content.length header",
        (
            "The container's server sends its answer without a Content-Length: have it send the whole answer at once, "
            "not chunked; deploy the model again, then redrive."
        ),
    ),
    (
        r"worker (?:process )?died|model process exited|out of memory|could not get a response from",
        (
            "The model's process ended or did not answer, most often for lack of memory: see the container's log, use "
            "a larger instance, fewer workers or smaller chunks (--chunk-rows), then redrive."
        ),
    ),
    (
        r"exceed(?:s|ed)? the maximum (?:\w+ ){0,2}size|payload too large|\b413\b",
        "Use smaller chunks (--chunk-bytes, --chunk-rows), or raise the container's limit (MAX_CONTENT_LENGTH).",
    ),
    (
        r"internal ?(?:server ?)?(?:error|failure|exception)",
        (
            "The model's server or the service failed without saying why: see the container's log; if it shows "
            "nothing, redrive later."
        ),
    ),
)
"""Patterns for text in any case; the first that matches wins."""

_BY_CLASS: dict[FailureClass, str] = {
    FailureClass.DATA: "Check the input object and the container's log, then redrive, or cancel the job.",
    FailureClass.TOO_LARGE: "Allow more time or smaller chunks, then redrive, or cancel the job.",
    FailureClass.TRANSIENT: (
        "Every attempt failed, and nothing else of this job succeeded meanwhile: check the container's log and its "
        "instances, fix the model or its endpoint, then redrive."
    ),
    FailureClass.THROTTLED: "Raise the endpoint's capacity, then redrive.",
    FailureClass.EXPIRED: "Find out why the endpoint's backlog does not shrink, then redrive.",
    FailureClass.INFRASTRUCTURE: (
        "Check that the endpoint exists, that its role may read the input, and that the input exists; "
        "fix it, then redrive."
    ),
    FailureClass.UNKNOWN: "Read the reason and the container's log; redrive when it is fixed, or cancel the job.",
}
_SPECIFIC = frozenset(
    {FailureClass.TOO_LARGE, FailureClass.TRANSIENT, FailureClass.INFRASTRUCTURE, FailureClass.UNKNOWN}
)


def advise(failure: FailureClass, reason: str) -> str:
    """Return what to do about a failure of this class and reason, in a sentence or two."""
    if failure in _SPECIFIC:
        for pattern, advice in _BY_PHRASE:
            if re.search(pattern, reason, re.IGNORECASE):
                return advice
    return _BY_CLASS[failure]
