"""The sink's responses and their latency: enough for an upload and for a whole submit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.benchmarks.sink.wire import Request

BUCKET = "bench"
STACK = "bench"
ENDPOINT = "bench"
_OUTPUTS = {
    "Bucket": BUCKET,
    "LedgerTable": "ledger",
    "EndpointName": ENDPOINT,
    "ResultsTopic": "arn:aws:sns:eu-west-1:000000000000:results",
}
_XML = {"Content-Type": "text/xml"}
_JSON = {"Content-Type": "application/x-amz-json-1.0"}


@dataclass(frozen=True, slots=True)
class Response:
    """A response, sent ``delay_s`` after the request has arrived; ``logged`` goes into the log."""

    delay_s: float
    logged: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: Path | None = None
    """A file to send instead of the body."""


class Responder:
    """Answers requests. State that all processes need is kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def respond_to(self, request: Request) -> Response:
        """Return the response to a request."""
        target = request.headers.get("x-amz-target", "")
        if target.startswith("DynamoDB"):
            return self._dynamodb(target.partition(".")[2], json.loads(request.body))
        if target == "SageMaker.DescribeEndpoint":
            return _described()
        if request.path.endswith("/async-invocations"):
            return _invoked(request.headers)
        if request.path == "/" and request.method == "POST":
            return _queried(parse_qs(request.body.decode()))
        return self._s3(request)

    def _s3(self, request: Request) -> Response:
        key = request.path.lstrip("/")
        if "uploads" in request.query:
            return Response(
                0.04, f"begun {key}", headers=_XML, body=_element("InitiateMultipartUploadResult", "UploadId")
            )
        if request.method == "POST":
            return Response(
                0.06, f"completed {key}", headers=_XML, body=_element("CompleteMultipartUploadResult", "ETag")
            )
        served = self._folder / "served" / key.partition("/")[2].replace("/", "!")
        if request.method == "GET" and served.exists():
            return Response(0.02, f"got {key}", headers={"ETag": '"0"'}, file=served)
        if request.method != "PUT":
            return Response(0.02, f"{request.method} {key}")
        part = request.query.get("partNumber", [""])[0]
        if request.body:
            (self._folder / "objects" / f"{key.replace('/', '!')}{part and f'!{int(part):05d}'}").write_bytes(
                request.body
            )
        return Response(0.04, f"put {request.size_bytes} {key} {part}", headers={"ETag": '"0"'})

    def _dynamodb(self, operation: str, params: Any) -> Response:
        found: Any = {}
        logged = operation
        if operation == "TransactWriteItems":
            logged = f"{operation} {self._write(params)} {_confirmations(params['TransactItems'])}"
        elif operation == "UpdateItem":
            logged = f"{operation} 0 {_confirmations([{'Update': params}])}"
        elif operation == "GetItem":
            found = self._item(params["Key"])
        elif operation == "BatchGetItem":
            ((table, wanted),) = params["RequestItems"].items()
            items = [self._item(key) for key in wanted["Keys"]]
            found = {"Responses": {table: [each["Item"] for each in items if each]}}
        delay_s = 0.012 if operation == "TransactWriteItems" else 0.006
        return Response(delay_s, logged, headers=_JSON, body=json.dumps(found).encode())

    def _write(self, params: Any) -> int:
        """Store a job's own items, which are read again.

        Return the number of chunks in a transaction.
        """
        names = []
        for each in params["TransactItems"]:
            written = each.get("Put", {}).get("Item", {})
            names.append(written.get("item", {}).get("S", ""))
            if "job" in written and not names[-1].startswith("chunk#"):
                self._path(written).write_text(json.dumps(written))
        return sum(name.startswith("chunk#") for name in names)

    def _item(self, key: Any) -> Any:
        path = self._path(key)
        return {"Item": json.loads(path.read_text())} if path.exists() else {}

    def _path(self, item: Any) -> Path:
        return self._folder / "items" / "!".join(item[name]["S"].replace("/", "!") for name in ("job", "item"))


def _confirmations(writes: Iterable[Any]) -> int:
    """Return the number of writes that confirm an attempt."""
    return sum(each.get("Update", {}).get("UpdateExpression", "").startswith("SET invoked") for each in writes)


def _described() -> Response:
    body = {
        "EndpointName": ENDPOINT,
        "EndpointArn": f"arn:aws:sagemaker:eu-west-1:000000000000:endpoint/{ENDPOINT}",
        "EndpointStatus": "InService",
        "CreationTime": 0,
        "LastModifiedTime": 0,
    }
    return Response(0.05, "DescribeEndpoint", headers=_JSON, body=json.dumps(body).encode())


def _invoked(headers: Mapping[str, str]) -> Response:
    inference_id = headers.get("x-amzn-sagemaker-inference-id", "")
    where = {
        "X-Amzn-SageMaker-OutputLocation": f"s3://{BUCKET}/v1/outputs/{inference_id}.out",
        "X-Amzn-SageMaker-FailureLocation": f"s3://{BUCKET}/v1/failures/{inference_id}.out",
        "Content-Type": "application/json",
    }
    body = json.dumps({"InferenceId": inference_id}).encode()
    return Response(0.02, "InvokeEndpointAsync", 202, where, body)


def _queried(params: Mapping[str, list[str]]) -> Response:
    action = params["Action"][0]
    if action != "DescribeStacks":
        # PublishBatch says of each entry that it is published.
        ids = [values[0] for name, values in params.items() if name.endswith(".Id")]
        published = "".join(f"<member><Id>{each}</Id><MessageId>0</MessageId></member>" for each in ids)
        result = f"<{action}Result><Successful>{published}</Successful></{action}Result>"
        return Response(0.015, action, headers=_XML, body=f"<{action}Response>{result}</{action}Response>".encode())
    outputs = "".join(
        f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
        for key, value in _OUTPUTS.items()
    )
    stack = (
        f"<member><StackName>{STACK}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>"
        f"<CreationTime>2026-01-01T00:00:00Z</CreationTime><Outputs>{outputs}</Outputs></member>"
    )
    result = f"<DescribeStacksResult><Stacks>{stack}</Stacks></DescribeStacksResult>"
    body = f'<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">{result}</DescribeStacksResponse>'
    return Response(0.08, action, headers=_XML, body=body.encode())


def _element(outer: str, inner: str) -> bytes:
    return f'<{outer} xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><{inner}>0</{inner}></{outer}>'.encode()
