"""Error responses of AWS, in the form of botocore's ``ClientError.response``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tailrace_core.aws.direct.requests import HttpResponse

_SERVER_ERRORS = 500
_MORE = ("CancellationReasons", "OriginalStatusCode", "OriginalMessage", "LogStreamArn")
"""Fields beside the error: of a cancelled transaction, and of InvokeEndpoint's ModelError."""
_REQUEST_IDS = ("x-amzn-requestid", "x-amz-request-id")


def parse_error(response: HttpResponse, *, xml: bool) -> dict[str, Any]:
    """Return what botocore would give for an error response: ``Error`` and ``ResponseMetadata``.

    The body of a response is XML or JSON; balancers and proxies answer with HTML or nothing.
    """
    body = response.body.strip()
    parsed: dict[str, Any] = {}
    if response.status < _SERVER_ERRORS or (body and not body.startswith(b"<html>")):
        parsed = _from_xml(body) if xml else _from_json(response)
    return {**(parsed or _from_status(response.status)), "ResponseMetadata": response_metadata(response)}


def response_metadata(response: HttpResponse) -> dict[str, Any]:
    """Return the metadata that botocore adds to each answer."""
    ids = [response.headers[name] for name in _REQUEST_IDS if name in response.headers]
    metadata = {"HTTPStatusCode": response.status, "HTTPHeaders": dict(response.headers), "RetryAttempts": 0}
    return {"RequestId": ids[0], **metadata} if ids else metadata


def _from_json(response: HttpResponse) -> dict[str, Any]:
    text = response.body.decode(errors="replace")
    try:
        body = json.loads(text) if text else {}
    except ValueError:
        body = {"message": text}
    if not isinstance(body, dict):
        body = {"message": text}
    headers = response.headers
    code = headers.get("x-amzn-errortype") or body.get("__type") or body.get("code") or body.get("Code")
    name = str(code or response.status).split(":", 1)[0].rsplit("#", 1)[-1]
    # Services that once had the query protocol keep the code that they had there.
    name = headers.get("x-amzn-query-error", name).split(";", 1)[0]
    error = {"Message": body.get("message", body.get("Message", "")), "Code": name}
    return {"Error": error, **{each: body[each] for each in _MORE if each in body}}


def _from_xml(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - slow to import; errors are few

    try:
        root = ET.fromstring(body)  # noqa: S314 - from AWS, over TLS; expat bounds expansion
    except ET.ParseError:
        return {}
    error = root if _name(root.tag) == "Error" else next((each for each in root if _name(each.tag) == "Error"), None)
    if error is None:
        return {}
    found: Mapping[str, str] = {_name(each.tag): each.text or "" for each in error}
    kept = {name: text for name, text in found.items() if name not in {"RequestId", "HostId"}}
    return {"Error": {"Code": "", "Message": "", **kept}}


def _from_status(status: int) -> dict[str, Any]:
    from http.client import responses  # noqa: PLC0415 - slow to import; errors are few

    return {"Error": {"Code": str(status), "Message": responses.get(status, "")}}


def _name(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]
