"""The table of hot operations: how each becomes a request, and what its response means.

Everything else goes through botocore: other operations, and parameters that are not listed here. A
property test holds requests and answers to those of botocore.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from zlib import crc32

from tailrace_core.aws.direct.requests import Body, HttpRequest, HttpResponse, NotDirectError
from tailrace_core.errors import TransientError

Params = Mapping[str, Any]


class Operation(NamedTuple):
    """One operation.

    ``build`` receives the call's parameters and the path that all requests to the server begin
    with (empty, or ``/BUCKET`` for a bucket that is not a part of the host's name).
    """

    build: Callable[[Params, str], HttpRequest]
    parse: Callable[[HttpResponse], dict[str, Any]]
    streams: bool = False
    """True when the answer has a ``Body``, which the caller reads."""


def json_operation(target: str, version: str = "1.0", **more: str) -> Operation:
    """Return an operation of a JSON protocol; ``more`` are constant headers."""
    headers = {"x-amz-target": target, "content-type": f"application/x-amz-json-{version}", **more}

    def build(params: Params, base: str) -> HttpRequest:
        try:
            body = json.dumps(params).encode()
        except TypeError:  # bytes, for one: botocore knows how to send them
            raise NotDirectError from None
        return HttpRequest("POST", f"{base}/", headers, body)

    return Operation(build, _json_answer)


def _json_answer(response: HttpResponse) -> dict[str, Any]:
    if not response.body:
        return {}
    try:
        answer = json.loads(response.body, object_hook=_binary if b'"B' in response.body else None)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise TransientError("the response is no JSON object")
    return answer


def _binary(value: dict[str, Any]) -> dict[str, Any]:
    """Decode a binary value of DynamoDB, ``{"B": …}`` or ``{"BS": […]}``."""
    if len(value) == 1:
        ((kind, content),) = value.items()
        if kind == "B" and isinstance(content, str):
            return {"B": b64decode(content)}
        if kind == "BS" and isinstance(content, list):
            return {"BS": [b64decode(each) for each in content]}
    return value


def _headers_of(params: Params, names: Mapping[str, str], beside: frozenset[str]) -> dict[str, str]:
    """Return the parameters that travel as headers; ``beside`` names those that do not.

    Raises:
        NotDirectError: a parameter is unknown, or its value would break the header.
    """
    headers: dict[str, str] = {}
    for name, value in params.items():
        if name in names:
            headers[names[name]] = _header_value(value)
        elif name not in beside:
            raise NotDirectError
    return headers


def _header_value(value: object) -> str:
    text = str(value)
    # botocore reports what no header can hold, and encodes what is not ASCII.
    if not isinstance(value, str | int) or isinstance(value, bool) or not (text.isascii() and text.isprintable()):
        raise NotDirectError
    return text


_INVOCATION_HEADERS = {
    "ContentType": "x-amzn-sagemaker-content-type",
    "Accept": "x-amzn-sagemaker-accept",
    "InferenceId": "x-amzn-sagemaker-inference-id",
    "InputLocation": "x-amzn-sagemaker-inputlocation",
    "RequestTTLSeconds": "x-amzn-sagemaker-requestttlseconds",
    "InvocationTimeoutSeconds": "x-amzn-sagemaker-invocationtimeoutseconds",
}


def _invocation(params: Params, base: str) -> HttpRequest:
    headers = _headers_of(params, _INVOCATION_HEADERS, frozenset({"EndpointName"}))
    name = quote(_text(params, "EndpointName"), safe="-._~")
    return HttpRequest("POST", f"{base}/endpoints/{name}/async-invocations", headers)


def _invocation_answer(response: HttpResponse) -> dict[str, Any]:
    answer = _chosen(
        response.headers,
        {"OutputLocation": "x-amzn-sagemaker-outputlocation", "FailureLocation": "x-amzn-sagemaker-failurelocation"},
    )
    try:
        body = json.loads(response.body) if response.body else {}
    except ValueError:  # truncated: botocore returns an answer without this field too
        body = {}
    return {"InferenceId": body["InferenceId"], **answer} if "InferenceId" in body else answer


_SYNC_INVOCATION_HEADERS = {
    "ContentType": "content-type",
    "Accept": "accept",
    "InferenceId": "x-amzn-sagemaker-inference-id",
    "CustomAttributes": "x-amzn-sagemaker-custom-attributes",
}


def _sync_invocation(params: Params, base: str) -> HttpRequest:
    headers = _headers_of(params, _SYNC_INVOCATION_HEADERS, frozenset({"EndpointName", "Body"}))
    name = quote(_text(params, "EndpointName"), safe="-._~")
    body: object = params.get("Body")
    # Without a media type, botocore adds its own.
    if not isinstance(body, bytes) or "ContentType" not in params:
        raise NotDirectError
    return HttpRequest("POST", f"{base}/endpoints/{name}/invocations", headers, body)


def _sync_invocation_answer(response: HttpResponse) -> dict[str, Any]:
    return _chosen(
        response.headers,
        {
            "ContentType": "content-type",
            "InvokedProductionVariant": "x-amzn-invoked-production-variant",
            "CustomAttributes": "x-amzn-sagemaker-custom-attributes",
        },
    )


_OBJECT_HEADERS = {
    "ContentType": "content-type",
    "ChecksumCRC32": "x-amz-checksum-crc32",
    "IfNoneMatch": "if-none-match",
}
_OBJECT_PARAMS = frozenset({"Bucket", "Key", "Body", "Metadata"})
_OBJECT_VERSION = frozenset({"Bucket", "Key", "VersionId"})
_STORED = {
    "ETag": "etag",
    "ChecksumCRC32": "x-amz-checksum-crc32",
    "ChecksumType": "x-amz-checksum-type",
    "VersionId": "x-amz-version-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}
_READ = {
    **_STORED,
    "AcceptRanges": "accept-ranges",
    "ContentType": "content-type",
    "ContentRange": "content-range",
}


def _put(params: Params, base: str) -> HttpRequest:
    headers = _headers_of(params, _OBJECT_HEADERS, _OBJECT_PARAMS)
    for name, value in params.get("Metadata", {}).items():
        key = f"x-amz-meta-{name.lower()}"
        if not (isinstance(value, str) and value == value.strip() and name.isascii() and name.isprintable()):
            raise NotDirectError
        headers[key] = _header_value(value)
    return HttpRequest("PUT", _object_path(params, base), headers, _with_checksum(params, headers))


def _upload_part(params: Params, base: str) -> HttpRequest:
    headers = _headers_of(params, _OBJECT_HEADERS, _OBJECT_PARAMS | {"UploadId", "PartNumber"})
    query = f"partNumber={int(params['PartNumber'])}&uploadId={quote(_text(params, 'UploadId'), safe='-_.~')}"
    return HttpRequest("PUT", _object_path(params, base), headers, _with_checksum(params, headers), query)


def _with_checksum(params: Params, headers: dict[str, str]) -> Body:
    """Return the body; add its checksum to the headers unless the call has one."""
    body: object = params.get("Body", b"")
    if not isinstance(body, bytes | bytearray | memoryview):
        raise NotDirectError
    if "ChecksumCRC32" not in params:
        headers["x-amz-checksum-crc32"] = b64encode(crc32(body).to_bytes(4, "big")).decode()
        headers["x-amz-sdk-checksum-algorithm"] = "CRC32"
    return body


def _get(params: Params, base: str) -> HttpRequest:
    headers = _headers_of(params, {"Range": "range", "IfMatch": "if-match"}, _OBJECT_VERSION)
    headers["x-amz-checksum-mode"] = "ENABLED"
    return HttpRequest("GET", _object_path(params, base), headers, query=_version(params))


def _head(params: Params, base: str) -> HttpRequest:
    headers = _headers_of(params, {}, _OBJECT_VERSION)
    return HttpRequest("HEAD", _object_path(params, base), headers, query=_version(params))


def _version(params: Params) -> str:
    return f"versionId={quote(_text(params, 'VersionId'), safe='-_.~')}" if "VersionId" in params else ""


def _object_path(params: Params, base: str) -> str:
    key = _text(params, "Key")
    # Segments that begin with dots, and empty ones, are normalized by some and not by others.
    if key.startswith(("/", ".")) or "//" in key or "/." in key:
        raise NotDirectError
    return f"{base}/{quote(key, safe='/-._~')}"


def _object_answer(response: HttpResponse) -> dict[str, Any]:
    answer: dict[str, Any] = _chosen(response.headers, _READ)
    if "content-length" in response.headers:
        answer["ContentLength"] = int(response.headers["content-length"])
    prefix = "x-amz-meta-"
    answer["Metadata"] = {
        name.removeprefix(prefix): value for name, value in response.headers.items() if name.startswith(prefix)
    }
    return answer


def _chosen(headers: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    return {name: headers[header] for name, header in names.items() if header in headers}


def _text(params: Params, name: str) -> str:
    """Return a text; botocore refuses what is none, or empty, before it is sent."""
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise NotDirectError
    return value


_TOPIC_VERSION = "2010-03-31"
_MESSAGE_ID = re.compile(rb"<MessageId>([^<]+)</MessageId>")


def _topic_operation(action: str, parse: Callable[[HttpResponse], dict[str, Any]]) -> Operation:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}

    def build(params: Params, base: str) -> HttpRequest:
        fields = {"Action": action, "Version": _TOPIC_VERSION, **dict(_fields("", params))}
        return HttpRequest("POST", f"{base}/", headers, urlencode(fields).encode())

    return Operation(build, parse)


def _fields(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the form fields of a value, in the order of its parts."""
    if isinstance(value, str):
        yield prefix, value
    elif isinstance(value, Mapping):
        attributes = prefix.endswith("MessageAttributes")
        for number, (name, each) in enumerate(value.items(), 1):
            if attributes:
                yield f"{prefix}.entry.{number}.Name", name
                yield from _fields(f"{prefix}.entry.{number}.Value", each)
            else:
                yield from _fields(f"{prefix}.{name}" if prefix else name, each)
    elif isinstance(value, list) and value:
        for number, each in enumerate(value, 1):
            yield from _fields(f"{prefix}.member.{number}", each)
    else:
        raise NotDirectError


def _published(response: HttpResponse) -> dict[str, Any]:
    if b"PublishResult" not in response.body:
        raise TransientError("the response is none of Publish")
    found = _MESSAGE_ID.search(response.body)
    return {"MessageId": found[1].decode()} if found else {}


def _batch_published(response: HttpResponse) -> dict[str, Any]:
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - slow to import; few functions publish

    try:
        root = ET.fromstring(response.body)  # noqa: S314 - from AWS, over TLS; expat bounds expansion
    except ET.ParseError as exc:
        raise TransientError(f"the response is no XML: {exc}") from exc
    found: dict[str, Any] = {"Successful": [], "Failed": []}
    for result in root.iterfind("{*}PublishBatchResult"):
        for group, entries in found.items():
            for member in result.iterfind(f"{{*}}{group}/{{*}}member"):
                entry: dict[str, Any] = {each.tag.rpartition("}")[2]: each.text or "" for each in member}
                if "SenderFault" in entry:
                    entry["SenderFault"] = entry["SenderFault"] == "true"
                entries.append(entry)
    return found


OPERATIONS: dict[tuple[str, str], Operation] = {
    **{
        ("dynamodb", operation): json_operation(f"DynamoDB_20120810.{name}")
        for operation, name in (
            ("batch_get_item", "BatchGetItem"),
            ("get_item", "GetItem"),
            ("query", "Query"),
            ("transact_write_items", "TransactWriteItems"),
            ("update_item", "UpdateItem"),
        )
    },
    ("s3", "get_object"): Operation(_get, _object_answer, streams=True),
    ("s3", "head_object"): Operation(_head, _object_answer),
    ("s3", "put_object"): Operation(_put, lambda response: _chosen(response.headers, _STORED)),
    ("s3", "upload_part"): Operation(_upload_part, lambda response: _chosen(response.headers, _STORED)),
    ("sns", "publish"): _topic_operation("Publish", _published),
    ("sns", "publish_batch"): _topic_operation("PublishBatch", _batch_published),
    ("sqs", "send_message"): json_operation("AmazonSQS.SendMessage", **{"x-amzn-query-mode": "true"}),
    ("sagemaker-runtime", "invoke_endpoint_async"): Operation(_invocation, _invocation_answer),
    ("sagemaker-runtime", "invoke_endpoint"): Operation(_sync_invocation, _sync_invocation_answer, streams=True),
}
"""The operations that chunks need, by boto3's names of service and method."""
