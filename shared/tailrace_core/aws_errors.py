"""The one table that turns an AWS error into Tailrace's own; botocore's exceptions are told apart by what they carry."""

from __future__ import annotations

from typing import Any

from tailrace_core.errors import (
    AccessDeniedError,
    ConditionFailedError,
    ConfigurationError,
    NotFoundError,
    PermanentError,
    TailraceError,
    ThrottledError,
    TransientError,
)

BY_CODE: dict[str, type[TailraceError]] = {
    # conditional writes: DynamoDB, then S3's If-None-Match
    "ConditionalCheckFailedException": ConditionFailedError,
    "TransactionCanceledException": ConditionFailedError,
    "PreconditionFailed": ConditionFailedError,
    # S3 answers 409 while another conditional write of the same key is under way: it is settled a moment later
    "ConditionalRequestConflict": TransientError,
    "OperationAborted": TransientError,
    "TransactionConflictException": TransientError,
    "TransactionInProgressException": TransientError,
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
    "AccessDenied": AccessDeniedError,
    "AccessDeniedException": AccessDeniedError,
    "AuthorizationError": AccessDeniedError,
    "AuthorizationErrorException": AccessDeniedError,
    "KMSAccessDeniedException": AccessDeniedError,
    "403": AccessDeniedError,
    "UnrecognizedClientException": ConfigurationError,
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
    "InternalError": TransientError,
    "InternalFailure": TransientError,
    "InternalServerError": TransientError,
    "ServiceUnavailable": TransientError,
    "RequestTimeout": TransientError,
    "RequestTimeTooSkewed": ConfigurationError,
}

_CONFLICTS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_SERVER_ERRORS = 500


def translate(response: dict[str, Any], operation: str) -> TailraceError:
    """The error for the ``response`` of a botocore ClientError raised by ``operation``."""
    error = response.get("Error", {})
    code = str(error.get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    message = f"{operation}: {code or status}: {error.get('Message') or 'no message'}"
    details: dict[str, Any] = {"code": code, "status": status, "operation": operation}
    if code == "TransactionCanceledException":
        reasons = tuple(str(each.get("Code", "None")) for each in response.get("CancellationReasons", ()))
        if "ConditionalCheckFailed" not in reasons and _CONFLICTS & set(reasons):
            return TransientError(message, **details)
        return ConditionFailedError(message, reasons=reasons, **details)
    kind = BY_CODE.get(code)
    if kind is None:
        kind = TransientError if status >= _SERVER_ERRORS else PermanentError
    return kind(message, **details)


def unreachable(exc: Exception, operation: str) -> TailraceError:
    """The error for a botocore exception that no answer came with (connection, timeout, credentials)."""
    name = type(exc).__name__
    if (
        "Credential" in name
        or "Profile" in name
        or name in {"NoRegionError", "ParamValidationError", "UnknownServiceError"}
    ):
        return ConfigurationError(f"{operation}: {exc}", operation=operation)
    return TransientError(f"{operation}: {exc}", operation=operation)


def translated(exc: Exception, operation: str) -> TailraceError:
    """The error for any exception of botocore: told apart by its ``response``, so that this package needs no botocore."""
    response = getattr(exc, "response", None)
    return translate(response, operation) if isinstance(response, dict) else unreachable(exc, operation)
