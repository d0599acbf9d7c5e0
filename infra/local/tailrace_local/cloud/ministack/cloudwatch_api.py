"""CloudWatch's API in front of MiniStack's: every field over the query protocol too, and alarms on metric math."""

from __future__ import annotations

import gzip
import importlib
import json
from collections.abc import Mapping
from typing import Any

from tailrace_local.cloud.ministack.alarms import with_metrics
from tailrace_local.cloud.ministack.patching import replace
from tailrace_local.cloudwatch import AlarmError
from tailrace_local.cloudwatch.validation import validate_alarm
from tailrace_local.emulation.query_protocol import read_form, write_xml

_TARGET = "GraniteServiceVersion20100801"
_OK = 200
Answer = tuple[int, dict[str, str], bytes]


class MiniStackApi:
    """MiniStack answers JSON with all there is and XML with little of it: whoever wants XML gets the JSON as XML."""

    def __init__(self) -> None:
        self._cloudwatch = importlib.import_module("ministack.services.cloudwatch")

    def install(self) -> None:
        """Put it in front."""
        self._answer = self._cloudwatch.handle_request
        replace(self._cloudwatch, "handle_request", self._handle)
        self._take_metric_math()

    async def _handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        if headers.get("content-encoding") == "gzip":
            # botocore packs a large PutMetricData.
            body = gzip.decompress(body)
        if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            answer: Answer = await self._answer(method, path, headers, body, query)
            return answer
        operation, request = read_form("cloudwatch", body)
        asked = {**headers, "content-type": "application/x-amz-json-1.0", "x-amz-target": f"{_TARGET}.{operation}"}
        answered: Answer = await self._answer("POST", "/", asked, json.dumps(request).encode(), {})
        return self._as_xml(operation, answered)

    def _as_xml(self, operation: str, answered: Answer) -> Answer:
        status, _, body = answered
        found = json.loads(body or b"{}")
        if status == _OK:
            return status, {"Content-Type": "text/xml"}, write_xml("cloudwatch", operation, found)
        refused: Answer = self._cloudwatch._error(found["__type"], found.get("message", ""), status)  # noqa: SLF001
        return refused

    def _take_metric_math(self) -> None:
        """PutMetricAlarm with Metrics, which MiniStack forgets; and none that would never be evaluated."""
        stock = self._cloudwatch._put_metric_alarm  # noqa: SLF001 - no public way in

        def put(params: Any, request: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Answer:  # noqa: FBT001, FBT002 - its form
            try:
                validate_alarm(request)
            except (AlarmError, KeyError, ValueError) as error:
                refused: Answer = self._cloudwatch._error(  # noqa: SLF001 - as above
                    "ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor
                )
                return refused
            answer: Answer = stock(params, request, is_cbor, is_json)
            if answer[0] == _OK and request.get("Metrics"):
                alarms = self._cloudwatch._alarms  # noqa: SLF001 - as above
                name = request["AlarmName"]
                alarms[name] = with_metrics(alarms[name], request["Metrics"])
            return answer

        replace(self._cloudwatch, "_put_metric_alarm", put)
