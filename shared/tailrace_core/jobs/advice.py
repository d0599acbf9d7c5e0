"""Advice to the person who decides about a failure: by known phrases, else by its class."""

from __future__ import annotations

import re

from tailrace_core.jobs.failure_phrases import CONTAINER_ANSWERED
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
        r"kms\.?internal|internal[^;]{0,60}service: (?:aws)?kms",
        "KMS failed, not the model and not its permissions: redrive later.",
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

_THROTTLED_BY: tuple[tuple[str, str], ...] = (
    (
        # S3 itself says SlowDown; ThrottlingException is what it hands on from KMS.
        (
            r"kms|when calling the (?:decrypt|generatedatakey) operation"
            r"|throttling\w* ?\) (?:occurred )?when calling the \w+object operation|s3[;,][^()]*code: throttling"
        ),
        (
            "KMS limits the requests for keys of this account, not the endpoint: raise its quota of cryptographic "
            "operations (Service Quotas), turn on the bucket's S3 Bucket Key if it is off, or use larger chunks; then "
            "redrive."
        ),
    ),
    (
        r"\bs3\b|slow ?down|reduce your request rate|when calling the \w+object operation",
        (
            "S3 limits the requests for the bucket, not the endpoint: use larger chunks (--chunk-rows, --chunk-bytes) "
            "or fewer at once (--window) in the next job; S3 adapts by itself within minutes, so redrive later."
        ),
    ),
    (
        r"\(service:? (?!sagemaker|amazon ?sagemaker)[^;,()]+[;,] status code|when calling the (?!Invoke)\w+ operation",
        (
            "The AWS service in the reason limits the requests of this account, not the endpoint: raise its quota "
            "(Service Quotas) or have fewer chunks at once (--window) in the next job, then redrive."
        ),
    ),
)
"""Services that throttle the endpoint, by their words; otherwise the endpoint throttles."""

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
    patterns = _BY_PHRASE if failure in _SPECIFIC else ()
    if failure is FailureClass.THROTTLED and not re.search(CONTAINER_ANSWERED, reason, re.IGNORECASE):
        patterns = _THROTTLED_BY
    found = (advice for pattern, advice in patterns if re.search(pattern, reason, re.IGNORECASE))
    return next(found, _BY_CLASS[failure])
