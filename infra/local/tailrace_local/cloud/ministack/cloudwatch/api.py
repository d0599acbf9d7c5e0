"""Patches of CloudWatch's API, for the query protocol and for alarms on metric math."""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tailrace_local.cloud.ministack.cloudwatch.alarms import with_metrics
from tailrace_local.cloud.ministack.patching import Patch, PrivateModule
from tailrace_local.cloudwatch import AlarmError
from tailrace_local.cloudwatch.validation import validate_alarm
from tailrace_local.emulator_base.query_protocol import read_form, write_xml

_TARGET = "GraniteServiceVersion20100801"
_OK = 200
Answer = tuple[int, dict[str, str], bytes]

_SERVICE = "ministack.services.cloudwatch"
_CLOUDWATCH = PrivateModule(
    _SERVICE, "_error(code, message, status, use_json, use_cbor)", "_alarms: AccountRegionScopedDict"
)
_HANDLE = Patch(
    _SERVICE,
    "handle_request(method, path, headers, body, query_params)",
    corrects="MiniStack answers JSON with every field but XML with few, and reads no compressed body.",
    why="The AWS CLI and older SDKs speak the query protocol (XML), and botocore compresses a large PutMetricData.",
    until="MiniStack's XML has the fields of its JSON, and it reads bodies with content-encoding gzip.",
)
_PUT_ALARM = Patch(
    _SERVICE,
    "_put_metric_alarm(params, cbor_data, is_cbor, is_json)",
    corrects="MiniStack forgets the Metrics of PutMetricAlarm, and takes alarms that are never evaluated.",
    why="Metric math would be lost, and an alarm that cannot be evaluated here has to be refused.",
    until="MiniStack evaluates alarms by CloudWatch's rules: dimensions, periods, missing data, metric math.",
)


class CloudWatchApi:
    """Answers the query protocol (XML) by MiniStack's answer in JSON, which has every field."""

    def __init__(self) -> None:
        self._cloudwatch = _CLOUDWATCH.load()

    def install(self) -> None:
        """Apply the patches."""
        _HANDLE.wrap(self._handle)
        _PUT_ALARM.wrap(self._put_metric_alarm)

    async def _handle(
        self,
        original: Callable[..., Awaitable[Answer]],
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
    ) -> Answer:
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return await original(method, path, headers, body, query)
        operation, request = read_form("cloudwatch", body)
        json_headers = {
            **headers,
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"{_TARGET}.{operation}",
        }
        answered = await original("POST", "/", json_headers, json.dumps(request).encode(), {})
        return self._as_xml(operation, answered)

    def _as_xml(self, operation: str, answered: Answer) -> Answer:
        status, _, body = answered
        found = json.loads(body or b"{}")
        if status == _OK:
            return status, {"Content-Type": "text/xml"}, write_xml("cloudwatch", operation, found)
        error: Answer = self._cloudwatch._error(found["__type"], found.get("message", ""), status)
        return error

    def _put_metric_alarm(
        self,
        original: Callable[..., Answer],
        params: Any,
        request: dict[str, Any],
        is_cbor: bool,  # noqa: FBT001 - MiniStack's parameters
        is_json: bool = False,  # noqa: FBT001, FBT002
    ) -> Answer:
        """PutMetricAlarm, with Metrics kept. Refuses an alarm that cannot be evaluated."""
        try:
            validate_alarm(request)
        except (AlarmError, KeyError, ValueError) as error:
            refused: Answer = self._cloudwatch._error(
                "ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor
            )
            return refused
        answer = original(params, request, is_cbor, is_json)
        if answer[0] == _OK and request.get("Metrics"):
            alarms = self._cloudwatch._alarms
            name = request["AlarmName"]
            alarms[name] = with_metrics(alarms[name], request["Metrics"])
        return answer
