"""Translation of every AWS error in the tables."""

from __future__ import annotations

import inspect
from typing import Any

import botocore.exceptions
import pytest

from tailrace_core.aws.errors import BY_CODE, BY_REASON, BY_STATUS, translate_exception, translate_response
from tailrace_core.errors import (
    ConditionFailedError,
    ConfigurationError,
    ConflictError,
    PermanentError,
    TailraceError,
    ThrottledError,
    TransientError,
)


def answer(code: str, status: int = 400, **more: Any) -> dict[str, Any]:
    return {
        "Error": {"Code": code, "Message": "what went wrong"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
        **more,
    }


@pytest.mark.parametrize(("code", "kind"), BY_CODE.items())
def test_every_code_becomes_its_error(code: str, kind: type[TailraceError]) -> None:
    error = translate_response(answer(code), "PutObject")
    assert type(error) is kind
    assert error.message == f"PutObject: {code}: what went wrong"
    assert (error.details["code"], error.details["operation"]) == (code, "PutObject")


@pytest.mark.parametrize(
    ("status", "kind"), [*BY_STATUS.items(), (500, TransientError), (503, TransientError), (400, PermanentError)]
)
def test_an_unknown_code_is_judged_by_its_status(status: int, kind: type[TailraceError]) -> None:
    assert type(translate_response(answer("Unheard", status), "HeadObject")) is kind


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        (["ConditionalCheckFailed", "None"], ConditionFailedError),
        (["None", "ConditionalCheckFailed"], ConditionFailedError),
        (["TransactionConflict", "ConditionalCheckFailed"], ConditionFailedError),
        (["TransactionConflict", "None"], ConflictError),
        (["ThrottlingError", "TransactionConflict"], ThrottledError),
        (["ProvisionedThroughputExceeded", "None"], ThrottledError),
        (["ValidationError", "None"], PermanentError),
        (["ItemCollectionSizeLimitExceeded"], PermanentError),
        (["SomethingNew"], PermanentError),
    ],
)
@pytest.mark.parametrize("stated", [True, False])
def test_a_cancelled_transaction_is_judged_by_its_reasons(
    reasons: list[str], kind: type[TailraceError], *, stated: bool
) -> None:
    response = answer("TransactionCanceledException")
    if stated:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    else:
        response["Error"]["Message"] = f"Transaction cancelled, please refer to reasons [{', '.join(reasons)}]"
    error = translate_response(response, "TransactWriteItems")
    assert type(error) is kind
    assert error.details["reasons"] == tuple(reasons)


def test_every_reason_that_botocores_model_documents_is_in_the_table() -> None:
    documented = {
        "ConditionalCheckFailed", "ItemCollectionSizeLimitExceeded", "TransactionConflict",
        "ProvisionedThroughputExceeded", "ThrottlingError", "ValidationError",
    }  # fmt: skip
    assert set(BY_REASON) == documented


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("Wed, 21 Oct 2015 07:28:00 GMT", None), ("-1", None), ("nan", None)],
)
def test_the_services_hint_is_kept(header: str, seconds: float | None) -> None:
    response = answer("SlowDown", 503)
    response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] = header
    error = translate_response(response, "PutObject")
    assert isinstance(error, ThrottledError)
    assert error.retry_after_s == seconds


def test_an_empty_answer_still_becomes_an_error() -> None:
    assert type(translate_response({}, "HeadObject")) is PermanentError


def test_a_client_error_is_told_by_what_it_carries() -> None:
    error = botocore.exceptions.ClientError(answer("ThrottlingException"), "Publish")  # type: ignore[arg-type] # AWS's answers have more
    assert type(translate_exception(error, "publish")) is ThrottledError


LOST = {
    "HTTPClientError", "ConnectionError", "EndpointConnectionError", "SSLError", "ConnectionClosedError",
    "ReadTimeoutError", "ConnectTimeoutError", "ProxyConnectionError", "ResponseStreamingError", "ChecksumError",
    "IncompleteReadError", "FlexibleChecksumError", "MetadataRetrievalError", "CapacityNotAvailableError",
}  # fmt: skip
BOTOCORE = [
    kind
    for _, kind in inspect.getmembers(botocore.exceptions, inspect.isclass)
    if issubclass(kind, botocore.exceptions.BotoCoreError)
]


@pytest.mark.parametrize("kind", BOTOCORE)
def test_of_what_botocore_raises_only_lost_answers_may_work_later(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    refused = issubclass(kind, botocore.exceptions.ParamValidationError)
    expected = TransientError if kind.__name__ in LOST else PermanentError if refused else ConfigurationError
    assert type(translate_exception(error, "publish")) is expected


def test_a_request_that_is_not_sent_says_what_is_wrong_with_it_in_one_line_and_nothing_of_credentials() -> None:
    report = "Invalid bucket name\nInvalid length for parameter Key, value: 0, valid min length: 1"
    said = str(translate_exception(botocore.exceptions.ParamValidationError(report=report), "s3.put_object"))
    assert said.startswith("s3.put_object: the request was not sent: ")
    assert "Invalid bucket name; Invalid length for parameter Key" in said
    assert "\n" not in said
    assert "credentials" not in said


@pytest.mark.parametrize("exc", [TimeoutError("slow"), ConnectionResetError("gone")])
def test_a_lost_connection_may_work_later(exc: Exception) -> None:
    assert type(translate_exception(exc, "publish")) is TransientError
