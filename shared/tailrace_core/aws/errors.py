"""Translation of AWS's errors into Tailrace's own, by the data that botocore's exceptions carry.

No other module translates them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tailrace_core.errors import (
    AccessDeniedError,
    ConditionFailedError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    PermanentError,
    TailraceError,
    ThrottledError,
    TransientError,
)

BY_CODE: dict[str, type[TailraceError]] = {
    # Conditional writes: DynamoDB, then S3's If-None-Match.
    "ConditionalCheckFailedException": ConditionFailedError,
    "PreconditionFailed": ConditionFailedError,
    # S3 answers 409 while another conditional write of the same key is in progress; a retry gets
    # its outcome.
    "ConditionalRequestConflict": TransientError,
    "OperationAborted": TransientError,
    "TransactionConflictException": ConflictError,
    "TransactionInProgressException": ConflictError,
    "NoSuchKey": NotFoundError,
    "NoSuchBucket": NotFoundError,
    "NoSuchUpload": NotFoundError,
    "NotFound": NotFoundError,
    "404": NotFoundError,
    "ResourceNotFoundException": NotFoundError,
    "ResourceNotFound": NotFoundError,
    "NotFoundException": NotFoundError,
    "AWS.SimpleQueueService.NonExistentQueue": NotFoundError,
    "QueueDoesNotExist": NotFoundError,
    "ExecutionDoesNotExist": NotFoundError,
    "StateMachineDoesNotExist": NotFoundError,
    "StateMachineDeleting": NotFoundError,
    # An execution of this name has ended; of one that runs, StartExecution returns the ARN.
    "ExecutionAlreadyExists": ConditionFailedError,
    "ExecutionLimitExceeded": ThrottledError,
    "AccessDenied": AccessDeniedError,
    "AccessDeniedException": AccessDeniedError,
    "AuthorizationError": AccessDeniedError,
    "AuthorizationErrorException": AccessDeniedError,
    "KMSAccessDeniedException": AccessDeniedError,
    "403": AccessDeniedError,
    "KmsAccessDenied": AccessDeniedError,
    "KMS.AccessDeniedException": AccessDeniedError,
    "UnrecognizedClientException": ConfigurationError,
    "IncompleteSignature": ConfigurationError,
    "InvalidSignatureException": ConfigurationError,
    "MissingAuthenticationToken": ConfigurationError,
    "MissingAuthenticationTokenException": ConfigurationError,
    "RequestExpired": ConfigurationError,
    "InvalidClientTokenId": ConfigurationError,
    "InvalidAccessKeyId": ConfigurationError,
    "SignatureDoesNotMatch": ConfigurationError,
    "ExpiredToken": ConfigurationError,
    "ExpiredTokenException": ConfigurationError,
    "Throttling": ThrottledError,
    "ThrottlingException": ThrottledError,
    "ThrottledException": ThrottledError,
    "TooManyRequestsException": ThrottledError,
    "RequestLimitExceeded": ThrottledError,
    "RequestThrottled": ThrottledError,
    "ProvisionedThroughputExceededException": ThrottledError,
    "LimitExceededException": ThrottledError,
    "SlowDown": ThrottledError,
    "RequestThrottledException": ThrottledError,
    "BandwidthLimitExceeded": ThrottledError,
    "OverLimit": ThrottledError,
    "KMSThrottling": ThrottledError,
    "KmsThrottled": ThrottledError,
    "KMSThrottlingException": ThrottledError,
    "InternalError": TransientError,
    "InternalFailure": TransientError,
    "InternalServerError": TransientError,
    "ServiceUnavailable": TransientError,
    "RequestTimeout": TransientError,
    "RequestTimeoutException": TransientError,
    "PriorRequestNotComplete": TransientError,
    "RequestTimeTooSkewed": ConfigurationError,
    "RequestInTheFuture": ConfigurationError,
}

CLOCK_CODES = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired"})
"""Codes for a request whose time is too far from the service's."""

BY_STATUS: dict[int, type[TailraceError]] = {
    403: AccessDeniedError,
    404: NotFoundError,
    408: TransientError,
    412: ConditionFailedError,
    429: ThrottledError,
}
"""Fallback for unknown codes, and for answers without a body (HEAD), which carry no code."""

BY_REASON: dict[str, type[TailraceError]] = {
    "ConditionalCheckFailed": ConditionFailedError,
    "ValidationError": PermanentError,
    "ItemCollectionSizeLimitExceeded": PermanentError,
    "ThrottlingError": ThrottledError,
    "ProvisionedThroughputExceeded": ThrottledError,
    "TransactionConflict": ConflictError,
}
"""Reasons of a cancelled transaction, the decisive one first: a failed condition is an answer."""

_REASONS_IN_MESSAGE = re.compile(r"\[([A-Za-z]+(?:, ?[A-Za-z]+)*)\]")
_SERVER_ERRORS = 500

_NO_ANSWER = frozenset(
    {
        "HTTPClientError",
        "ConnectionError",
        "ChecksumError",
        "FlexibleChecksumError",
        "IncompleteReadError",
        "MetadataRetrievalError",
        "CapacityNotAvailableError",
    }
)
"""Base classes of botocore's exceptions that a retry may fix; all others are errors of settings."""
_REFUSED = "ParamValidationError"
"""The exception for a request that botocore does not send because a value in it is invalid."""


def translate_response(response: dict[str, Any], operation: str) -> TailraceError:
    """Return the error for the ``response`` of a botocore ClientError raised by ``operation``."""
    error = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    code = str(error.get("Code", ""))
    status = int(metadata.get("HTTPStatusCode", 0))
    message = f"{operation}: {code or status}: {error.get('Message') or 'no message'}"
    if region := _other_region(code, metadata):
        message += (
            f": the bucket lies in {region}, and the address that was called does not lead there; call S3 without an "
            "address of your own, or copy the objects to a bucket of this region"
        )
    details: dict[str, Any] = {"code": code, "status": status, "operation": operation}
    kind = _kind(code, status)
    if code == "TransactionCanceledException":
        details["reasons"] = _reasons(response, message)
        kind = next((kind for reason, kind in BY_REASON.items() if reason in details["reasons"]), PermanentError)
    if code == "ModelError":
        # InvokeEndpoint's: what the container answered.
        details["original_status"] = response.get("OriginalStatusCode")
        details["original_message"] = response.get("OriginalMessage")
    if issubclass(kind, TransientError):
        details["retry_after_s"] = _retry_after_s(metadata.get("HTTPHeaders", {}))
    return kind(message, **details)


def _other_region(code: str, metadata: Mapping[str, Any]) -> str | None:
    """Return the region of a bucket for which S3 answered with a redirect."""
    is_redirect = code in {"PermanentRedirect", "301"}
    return metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region") if is_redirect else None


def _kind(code: str, status: int) -> type[TailraceError]:
    fallback = TransientError if status >= _SERVER_ERRORS else PermanentError
    return BY_CODE.get(code) or BY_STATUS.get(status, fallback)


def _reasons(response: dict[str, Any], message: str) -> tuple[str, ...]:
    """Return one code for each item of a cancelled transaction, from the answer or its message."""
    if stated := response.get("CancellationReasons"):
        return tuple(str(each.get("Code", "None")) for each in stated)
    match = _REASONS_IN_MESSAGE.search(message)
    return tuple(re.split(", ?", match[1])) if match else ()


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header; its other form, a date, is ignored."""
    value = headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", value) else None


def translate_no_response(exc: Exception, operation: str) -> TailraceError:
    """Return the error for an exception without an answer.

    Causes are connections, timeouts, credentials, settings and parameters.
    """
    names = {each.__name__ for each in type(exc).__mro__}
    if _REFUSED in names:
        # The report has one line for each parameter.
        text = "; ".join(filter(None, map(str.strip, str(exc).splitlines())))
        return PermanentError(
            f"{operation}: the request was not sent: {text}. Correct the value if you gave it; otherwise report a bug "
            "in Tailrace",
            operation=operation,
        )
    if "BotoCoreError" in names and not _NO_ANSWER & names:
        return ConfigurationError(f"{operation}: {exc}", operation=operation)
    # A caller may take a long wait for an answer as a sign that the request was too large.
    return TransientError(f"{operation}: {exc}", operation=operation, timed_out="ReadTimeoutError" in names)


def translate_exception(exc: Exception, operation: str) -> TailraceError:
    """Return the error for any exception of botocore.

    Exceptions are told apart by their ``response``: this package does not import botocore.
    """
    response = getattr(exc, "response", None)
    return (
        translate_response(response, operation) if isinstance(response, dict) else translate_no_response(exc, operation)
    )
