from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import NoCredentialsError

from tailrace.aws.connections import (
    Boto3Connection,
    client_settings,
    resolve_region,
    validate_endpoint_url,
    with_remedy,
)
from tailrace_core.aws.calls import Call
from tailrace_core.aws.errors import translate_response
from tailrace_core.errors import ConfigurationError, InputError, TailraceError


@dataclass(frozen=True)
class Session:
    region_name: str | None


class Empty:
    """The body of an answer that has none."""

    def stream(self) -> tuple[bytes, ...]:
        return ()


@pytest.mark.parametrize(
    ("named", "of_session", "in_environment", "expected"),
    [
        ("a", "b", "c", "a"),
        (None, "b", "c", "b"),
        (None, None, "c", "c"),
        (None, None, "", None),
    ],
)
def test_the_region_is_the_one_named_or_the_sessions_or_that_of_aws_region(
    monkeypatch: pytest.MonkeyPatch,
    named: str | None,
    of_session: str | None,
    in_environment: str,
    expected: str | None,
) -> None:
    monkeypatch.setenv("AWS_REGION", in_environment)
    assert resolve_region(Session(of_session), named) == expected


@pytest.mark.parametrize(
    "url", ["notaurl", "", "http://", "ftp://host", "http://host:port", "http://[::1", "http://a b"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is not an address"):
        validate_endpoint_url(url)


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:4566", "http://[::1]:4566", "https://host.example/path"])
def test_an_address_passes_as_it_is(url: str | None) -> None:
    assert validate_endpoint_url(url) == url


def test_advice_follows_a_message_without_its_full_stop() -> None:
    said = str(with_remedy(ConfigurationError("You must specify a region.")))
    assert said == "You must specify a region; name one with --region (or AWS_REGION)"


SKEWED = [
    ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
    ("InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than 20260101T060000Z"),
    ("SignatureDoesNotMatch", "Signature not yet current: 20260101T120000Z is still later than 20260101T000500Z"),
    ("RequestExpired", "Request has expired."),
    ("RequestInTheFuture", "The request is dated in the future."),
]


@pytest.mark.parametrize(("code", "message"), SKEWED)
def test_a_clock_that_is_wrong_is_to_be_set(code: str, message: str) -> None:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    said = str(with_remedy(translate_response(response, "s3.put_object")))
    assert "clock is wrong" in said
    assert "set it" in said
    assert "credentials" not in said


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException", "ExpiredToken"])
def test_credentials_that_are_wrong_are_no_matter_of_the_clock(code: str) -> None:
    message = "The request signature we calculated does not match the signature you provided."
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    said = str(with_remedy(translate_response(response, "s3.put_object")))
    assert "set up credentials" in said
    assert "clock" not in said


@pytest.mark.parametrize(
    ("address", "signs_payload"), [(None, False), ("https://127.0.0.1:1", False), ("http://127.0.0.1:1", None)]
)
def test_over_tls_a_payload_is_not_hashed_to_be_signed_as_well(address: str | None, signs_payload: bool | None) -> None:  # noqa: FBT001 - a parameter of the test
    assert ((client_settings(1, address)["s3"] or {}).get("payload_signing_enabled")) is signs_payload


def test_what_is_put_goes_out_as_it_is_given_and_at_once() -> None:
    session = boto3.Session("id", "secret", region_name="eu-west-1")
    sent: list[AWSPreparedRequest] = []

    def take(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), Empty())

    session.events.register("before-send.s3.PutObject", take)
    body = b"1,2\n" * 1000
    put = {"Bucket": "bucket", "Key": "key", "Body": body, "ChecksumCRC32": "AAAAAA=="}
    Boto3Connection(session=session).execute(Call("s3", "put_object", put))
    assert sent[0].body is body
    assert "Expect" not in sent[0].headers


class Making:
    """A session that says which clients were made."""

    region_name = "eu-west-1"

    def __init__(self, broken: str | None = None) -> None:
        self.broken = broken
        self.made: list[str] = []

    def client(self, service: str, **settings: Any) -> Any:
        if service == self.broken:
            raise NoCredentialsError
        client = boto3.Session("id", "secret").client(service, **settings)
        self.made.append(service)
        return client


def test_clients_are_made_ahead_in_the_order_in_which_they_are_needed_and_once() -> None:
    session = Making()
    connection = Boto3Connection(session=session)
    for _ in range(2):
        connection.prepare(("dynamodb", "s3"))
        for thread in threading.enumerate():
            if thread.name == "tailrace-clients":
                thread.join(120)
                assert not thread.is_alive()
    with pytest.raises(TailraceError, match="Bucket"):
        connection.execute(Call("s3", "put_object", {}))
    assert session.made == ["dynamodb", "s3"]


def test_what_is_wrong_with_a_client_is_for_its_first_call_to_say() -> None:
    connection = Boto3Connection(session=Making(broken="dynamodb"))
    connection.prepare(("dynamodb", "s3"))
    with pytest.raises(ConfigurationError, match="credentials"):
        connection.execute(Call("dynamodb", "get_item", {}))


def test_a_call_that_was_begun_answers_the_first_that_asks_for_it() -> None:
    stack = Call("cloudformation", "describe_stacks", {"StackName": "s"})
    others: list[Call] = []
    begun = threading.Event()

    def retry(execute: Any, policy: Any) -> Callable[[Call], Any]:  # noqa: ARG001 - the connection's own
        def executed(call: Call) -> str:
            if threading.current_thread() is threading.main_thread():
                others.append(call)
                return "asked"
            begun.set()
            raise KeyError("begun")

        return executed

    connection = Boto3Connection(session=Making(), retry=retry)
    connection.begin(stack)
    assert begun.wait(120)
    assert connection.execute(Call("sts", "get_caller_identity", {})) == "asked"
    with pytest.raises(KeyError, match="begun"):
        connection.execute(Call("cloudformation", "describe_stacks", {"StackName": "s"}))
    assert connection.execute(stack) == "asked"
    assert [each.operation for each in others] == ["get_caller_identity", "describe_stacks"]
