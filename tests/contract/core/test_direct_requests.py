"""Direct calls build, sign and read what botocore does: held to its own requests and answers."""

from __future__ import annotations

import functools
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape
from zlib import crc32

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from tailrace.aws.connections import client_settings, send_bodies_whole
from tailrace.aws.request_patterns import SentRequest, target_like
from tailrace_core.aws.calls import Call
from tailrace_core.aws.direct.connections import Origin
from tailrace_core.aws.direct.error_responses import parse_error
from tailrace_core.aws.direct.operations import OPERATIONS
from tailrace_core.aws.direct.requests import HttpResponse, NotDirectError
from tailrace_core.aws.direct.signing import Credentials
from tailrace_core.aws.errors import translate_exception, translate_response

SETTINGS = (
    ("eu-west-1", None, None, "auto"),
    ("us-east-1", None, None, "virtual"),
    ("cn-north-1", None, None, "path"),
    ("us-gov-west-1", None, "use_fips_endpoint", "auto"),
    ("us-east-1", None, "use_dualstack_endpoint", "auto"),
    ("eu-west-1", "https://gateway.example:8443", None, "auto"),
    ("eu-west-1", "http://127.0.0.1:4566", None, "auto"),
    ("eu-west-1", "http://[::1]:4566", None, "virtual"),
)
"""Region, address, flag and addressing style."""
KNOWN = Credentials("id", "secret")


class Raw:
    """The body of an answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body

    def read(self, *_: Any) -> bytes:
        body, self._body = self._body, b""
        return body


class Botocore:
    """A client of botocore that records its request and gets an answer that was drawn."""

    def __init__(self, service: str, region: str, address: str | None, **flags: Any) -> None:
        self.credentials = Session()
        self.credentials.set_credentials("id", "secret", None)
        settings = client_settings(1, address)
        settings["s3"] = {**(settings["s3"] or {}), "addressing_style": flags.pop("style", "auto")}
        self.client = boto3.Session(botocore_session=self.credentials, region_name=region).client(
            service, endpoint_url=address, config=Config(**settings, **flags)
        )
        send_bodies_whole(self.client)
        self.client.meta.events.register("before-send", self._take)
        self.answer = HttpResponse(200, {}, b"")

    def _take(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.request = request
        headers = HTTPHeaders()
        for name, value in self.answer.headers.items():
            headers[name] = value
        return AWSResponse(request.url, self.answer.status, headers, Raw(self.answer.body))

    def call(self, call: Call, answer: HttpResponse, credentials: Credentials = KNOWN) -> Any:
        self.answer = answer
        held: Any = self.credentials.get_credentials()
        held.access_key, held.secret_key, held.token = credentials.access_key, credentials.secret_key, credentials.token
        return getattr(self.client, call.operation)(**call.params)


@functools.cache
def botocore(service: str, region: str, address: str | None, flag: str | None, style: str) -> Botocore:
    flags = {flag: True} if flag else {}
    return Botocore(service, region, address, **flags, **({"style": style} if service == "s3" else {}))


EMPTY = {"s3": b"", "dynamodb": b"{}", "sagemaker-runtime": b"{}"}
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
names = st.from_regex(r"[A-Za-z0-9_.-]{3,20}", fullmatch=True)
keys = st.one_of(texts, st.sampled_from(["a b", "a+b", "ü/ß", "a//b", "./a", "a/../b", "~a", "a%20b", "'()*!"]))
ascii_texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
buckets = st.sampled_from(["plain", "with.dots", "a-b-1", "UPPER_old"])
bodies = st.binary(max_size=200)
items = st.dictionaries(texts, st.one_of(st.builds(lambda v: {"S": v}, texts), st.just({"N": "1"})), max_size=3)


def checksum(body: bytes) -> str:
    return b64encode(crc32(body).to_bytes(4, "big")).decode()


@st.composite
def puts(draw: st.DrawFn) -> Call:
    body = draw(bodies)
    params: dict[str, Any] = {"Bucket": draw(buckets), "Key": draw(keys), "Body": body, "ContentType": "text/csv"}
    params["ChecksumCRC32"] = checksum(body)
    if draw(st.booleans()):
        params["IfNoneMatch"] = "*"
    if draw(st.booleans()):
        params["Metadata"] = draw(st.dictionaries(st.sampled_from(["a", "rows-in", "b_c"]), ascii_texts, max_size=2))
    return Call("s3", "put_object", params)


@st.composite
def parts(draw: st.DrawFn) -> Call:
    body = draw(bodies)
    where = {
        "Bucket": draw(buckets),
        "Key": draw(keys),
        "UploadId": draw(texts),
        "PartNumber": draw(st.integers(1, 99)),
    }
    return Call("s3", "upload_part", {**where, "Body": body, "ChecksumCRC32": checksum(body)})


reads = st.builds(
    lambda operation, bucket, key, version: Call("s3", operation, {"Bucket": bucket, "Key": key, **version}),
    st.sampled_from(["get_object", "head_object"]),
    buckets,
    keys,
    st.just({}) | st.fixed_dictionaries({"VersionId": texts}),
)
tables = st.one_of(
    st.builds(
        lambda table, key, values: Call(
            "dynamodb", "update_item", {"TableName": table, "Key": key, "ExpressionAttributeValues": values}
        ),
        names,
        items,
        items,
    ),
    st.builds(lambda table, key: Call("dynamodb", "get_item", {"TableName": table, "Key": key}), names, items),
    st.builds(
        lambda table, item, token: Call(
            "dynamodb",
            "transact_write_items",
            {"TransactItems": [{"Put": {"TableName": table, "Item": item}}], "ClientRequestToken": token},
        ),
        names,
        items,
        names,
    ),
)
invocations = st.builds(
    lambda endpoint, key, accept, seconds: Call(
        "sagemaker-runtime",
        "invoke_endpoint_async",
        {"EndpointName": endpoint, "InputLocation": f"s3://b/{key}", "Accept": accept, "RequestTTLSeconds": seconds},
    ),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,20}", fullmatch=True),
    ascii_texts,
    ascii_texts,
    st.integers(60, 21600),
)
sync_invocations = st.builds(
    lambda endpoint, accept, number, body: Call(
        "sagemaker-runtime",
        "invoke_endpoint",
        {
            "EndpointName": endpoint,
            "ContentType": "text/csv",
            "Accept": accept,
            "InferenceId": f"job.{number}",
            "Body": body,
        },
    ),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,20}", fullmatch=True),
    ascii_texts,
    st.integers(0, 9),
    bodies,
)
calls = st.one_of(puts(), parts(), reads, tables, invocations, sync_invocations)
credentials_drawn = st.builds(
    Credentials, st.from_regex(r"[A-Z0-9]{16,20}", fullmatch=True), ascii_texts, st.none() | ascii_texts
)


@given(calls, calls, credentials_drawn, st.sampled_from(SETTINGS))
def test_a_request_like_an_earlier_one_is_the_one_that_botocore_sends(
    first: Call, second: Call, credentials: Credentials, drawn: tuple[str, str | None, str | None, str]
) -> None:
    """The pattern is learned from one call, with other credentials, and used for another."""
    second = second if second.operation == first.operation else first
    if "Bucket" in first.params:
        second = Call(second.service, second.operation, {**second.params, "Bucket": first.params["Bucket"]})
    theirs = botocore(first.service, *drawn)
    empty = HttpResponse(200, {}, EMPTY[first.service])
    theirs.call(first, empty)
    seen = SentRequest.of(theirs.request)
    try:
        target = target_like(first, seen, Origin(seen.name, seen.port, None), KNOWN)
        theirs.call(second, empty, credentials)
        sent = SentRequest.of(theirs.request)
        request, headers = target.signed(second, credentials, sent.at)
    except NotDirectError:
        assert unusual(first) or unusual(second)
        return
    ours = (request.method, target.host, request.path, request.query, bytes(request.body))
    assert ours == (sent.method, sent.host, sent.path, sent.query, sent.body)
    unsent = {"amz-sdk-invocation-id", "amz-sdk-request", "content-length", "expect"}
    assert {**headers, "host": None} == {
        "host": None,
        **{name: value for name, value in sent.headers.items() if name not in unsent},
    }


def unusual(call: Call) -> bool:
    """Say whether a direct call may leave this one to botocore."""
    key = call.params.get("Key")
    return isinstance(key, str) and (key.startswith(("/", ".")) or "//" in key or "/." in key)


codes = st.sampled_from(
    ["ConditionalCheckFailedException", "ThrottlingException", "SlowDown", "NoSuchKey", "ExpiredToken", "Odd"]
)
words = st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs", "P"]), max_size=20)


def json_error(code: str, message: str) -> bytes:
    return json.dumps({"__type": f"com.amazonaws#{code}", "message": message}).encode()


def xml_error(code: str, message: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message><RequestId>r</RequestId></Error>"
    return b'<?xml version="1.0" encoding="UTF-8"?>' + body.encode()


CANCELLED = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled [None, ConditionalCheckFailed]",
        "CancellationReasons": [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "failed"}],
    }
).encode()
PUT = Call("s3", "put_object", {"Bucket": "b", "Key": "k", "Body": b"", "ChecksumCRC32": "AAAAAA=="})
HEAD = Call("s3", "head_object", {"Bucket": "b", "Key": "k"})
GET = Call("s3", "get_object", {"Bucket": "b", "Key": "k"})
UPDATE = Call("dynamodb", "update_item", {"TableName": "table", "Key": {"id": {"S": "1"}}})
INVOKE = Call("sagemaker-runtime", "invoke_endpoint_async", {"EndpointName": "e", "InputLocation": "s3://b/k"})
SCORE = Call("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "ContentType": "text/csv", "Body": b"1"})
MODEL_ERROR = json.dumps(
    {
        "Message": 'Received client error (400) from primary with message "no number". See the log group.',
        "OriginalStatusCode": 400,
        "OriginalMessage": "no number",
        "LogStreamArn": "arn:aws:logs:eu-west-1:1:log-group:/aws/sagemaker/Endpoints/e",
    }
).encode()
TRANSACT = Call(
    "dynamodb",
    "transact_write_items",
    {"TransactItems": [{"Delete": {"TableName": "table", "Key": {"id": {"S": "1"}}}}]},
)


@st.composite
def errors(draw: st.DrawFn) -> tuple[Call, HttpResponse]:
    call = draw(st.sampled_from([PUT, HEAD, GET, UPDATE, INVOKE, SCORE, TRANSACT]))
    status = draw(st.sampled_from([400, 403, 404, 409, 412, 424, 429, 500, 503, 530]))
    code, message = draw(codes), draw(words)
    forms = [b"", b"<html>busy</html>"] if status >= 500 else [b""]
    headers = {"x-amzn-RequestId": "request", "x-amz-request-id": "request", "Retry-After": draw(st.sampled_from("27"))}
    if call.service == "s3":
        forms += [] if call is HEAD else [xml_error(code, message)]
    else:
        forms.append(json_error(code, message))
    if call is TRANSACT:
        forms.append(CANCELLED)
    if call is INVOKE and draw(st.booleans()):
        headers["x-amzn-ErrorType"] = f"{code}:http://internal.amazon.com/"
        forms = [json.dumps({"Message": message}).encode()]
    if call is SCORE and draw(st.booleans()):
        headers["x-amzn-ErrorType"] = "ModelError:http://internal.amazon.com/"
        forms = [MODEL_ERROR]
    return call, HttpResponse(
        status, {name.lower(): each for name, each in headers.items()}, draw(st.sampled_from(forms))
    )


@given(errors())
def test_an_error_is_the_one_that_botocore_raises(drawn: tuple[Call, HttpResponse]) -> None:
    call, response = drawn
    with pytest.raises(ClientError) as raised:
        botocore(call.service, *SETTINGS[0]).call(call, response)
    theirs = translate_exception(raised.value, "op")
    parsed = parse_error(response, xml=call.service == "s3")
    ours = translate_response(parsed, "op")
    assert (type(ours), ours.message, ours.details) == (type(theirs), theirs.message, theirs.details)
    found, expected = (each["ResponseMetadata"] for each in (parsed, raised.value.response))
    assert found["RequestId"] == expected.get("RequestId", "request")


ANSWERS = [
    (UPDATE, HttpResponse(200, {"x-amzn-requestid": "r"}, b'{"Attributes": {"a": {"S": "x"}, "n": {"N": "1"}}}')),
    (UPDATE, HttpResponse(200, {}, b'{"Attributes": {"B": {"B": "AAEC"}, "b": {"M": {"B": {"BS": ["AA=="]}}}}}')),
    (TRANSACT, HttpResponse(200, {"x-amzn-requestid": "r"}, b"{}")),
    (Call("dynamodb", "get_item", {"TableName": "table", "Key": {"id": {"S": "1"}}}), HttpResponse(200, {}, b"{}")),
    (PUT, HttpResponse(200, {"etag": '"e"', "x-amz-checksum-crc32": "AAAAAA==", "x-amz-version-id": "v"}, b"")),
    (HEAD, HttpResponse(200, {"content-length": "7", "etag": '"e"', "x-amz-meta-rows": "3"}, b"")),
    (GET, HttpResponse(200, {"content-length": "0", "content-type": "text/csv"}, b"")),
    (
        INVOKE,
        HttpResponse(
            202,
            {"x-amzn-sagemaker-outputlocation": "s3://o", "x-amzn-sagemaker-failurelocation": "s3://f"},
            b'{"InferenceId": "i"}',
        ),
    ),
    (INVOKE, HttpResponse(202, {"x-amzn-sagemaker-outputlocation": "s3://o"}, b'{"Infer')),
    (
        SCORE,
        HttpResponse(
            200, {"content-type": "text/csv", "x-amzn-invoked-production-variant": "all", "x-other": "1"}, b"1.0\n"
        ),
    ),
]


@pytest.mark.parametrize(("call", "response"), ANSWERS)
def test_an_answer_is_the_one_that_botocore_gives(call: Call, response: HttpResponse) -> None:
    theirs = botocore(call.service, *SETTINGS[0]).call(call, response)
    ours = OPERATIONS[call.service, call.operation].parse(response)
    theirs.pop("ResponseMetadata")
    theirs.pop("Body", None)
    assert ours == theirs


@pytest.mark.parametrize(
    "changed",
    [
        {"Metadata": {"a": "ü"}},
        {"Metadata": {"a": "x\r\ny: z"}},
        {"ContentType": "a\nb"},
        {"Key": ""},
        {"Key": "a/../b"},
        {"Body": "text"},
        {"StorageClass": "GLACIER"},
    ],
)
def test_what_no_direct_call_knows_is_left_to_botocore(changed: dict[str, Any]) -> None:
    with pytest.raises(NotDirectError):
        OPERATIONS["s3", "put_object"].build({**PUT.params, **changed}, "")
