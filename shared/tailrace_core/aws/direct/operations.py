"""The table of hot operations: how each becomes a request, and what its response means.

Everything else goes through botocore: other operations, and parameters that are not listed here. A
property test holds requests and answers to those of botocore.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from zlib import crc32

from tailrace_core.aws.direct.requests import Body, HttpRequest, HttpResponse, NotDirectError
from tailrace_core.errors import TransientError

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    ``build`` receives the call's parameters and the path that all requests to the server begin
    with (empty, or ``/BUCKET`` for a bucket that is not a part of the host's name).
    """

    build: Callable[[Params, str], HttpRequest]
    parse: Callable[[HttpResponse], dict[str, Any]]
    streams: bool = False
    """True when the answer has a ``Body``, which the caller reads."""


def json_operation(target: str, version: str = "1.0") -> Operation:
    """Return an operation of a JSON protocol."""
    headers = {"x-amz-target": target, "content-type": f"application/x-amz-json-{version}"}

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


_OBJECT_HEADERS = {
    "ContentType": "content-type",
    "ChecksumCRC32": "x-amz-checksum-crc32",
    "IfNoneMatch": "if-none-match",
}
_OBJECT_PARAMS = frozenset({"Bucket", "Key", "Body", "Metadata"})
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
    headers = _headers_of(params, {"Range": "range", "IfMatch": "if-match"}, frozenset({"Bucket", "Key"}))
    return HttpRequest("GET", _object_path(params, base), {**headers, "x-amz-checksum-mode": "ENABLED"})


def _head(params: Params, base: str) -> HttpRequest:
    return HttpRequest("HEAD", _object_path(params, base), _headers_of(params, {}, frozenset({"Bucket", "Key"})))


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


OPERATIONS: dict[tuple[str, str], Operation] = {
    **{
        ("dynamodb", operation): json_operation(f"DynamoDB_20120810.{name}")
        for operation, name in (
            ("batch_execute_statement", "BatchExecuteStatement"),
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
    ("sagemaker-runtime", "invoke_endpoint_async"): Operation(_invocation, _invocation_answer),
}
"""The operations that chunks need, by boto3's names of service and method."""
