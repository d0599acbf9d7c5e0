"""The handler of CloudFormation's events, each of which waits for a response."""

from __future__ import annotations

import json
import logging
import time
from functools import cache
from typing import Any

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.provide_model.resource_requests import ResourceRequest
from tailrace_consumers.provide_model.response_url import MAX_SEND_S, put, send_response
from tailrace_consumers.provide_model.responses import Failed, Response, Succeeded, encode_response
from tailrace_consumers.provide_model.retrying import RetryUntil
from tailrace_consumers.provide_model.sagemaker_models import CALL_S, SageMakerModels, short_timeout_client
from tailrace_consumers.provide_model.service import ProvideModel
from tailrace_core.errors import ContractError, TailraceError

RESERVE_S = MAX_SEND_S + 2 * CALL_S + 5.0
"""Time reserved for the response.

A call that begins at the deadline, one that cleans up, and the PUTs.
"""

_log = logging.getLogger("tailrace.provide_model")


@cache
def build() -> SageMakerModels:
    """Build the adapter to SageMaker; later events reuse it."""
    return SageMakerModels(BotocoreExecutor(short_timeout_client))


def respond_to(event: dict[str, Any], adapter: SageMakerModels, remaining_s: float) -> Response:
    """Handle the event and return the response, a failure for any exception."""
    retry_until = RetryUntil(
        clock=time.monotonic, sleep=time.sleep, deadline=time.monotonic() + max(0.0, remaining_s - RESERVE_S)
    )
    try:
        return ProvideModel(jobs=adapter, models=adapter, retry_until=retry_until).handle(
            ResourceRequest.from_event(event)
        )
    except Exception as exc:  # noqa: BLE001 - the stack needs a response to any exception
        _log.exception("an unexpected error")
        physical_id = str(event.get("PhysicalResourceId") or f"{event.get('LogicalResourceId', 'it')}-was-not-made")
        return Failed(physical_id, exc.message if isinstance(exc, TailraceError) else f"{type(exc).__name__}: {exc}")


def handler(event: Any, context: Any) -> None:
    """Respond to the event at its ResponseURL. After an error Lambda runs the event again."""
    url = event.get("ResponseURL") if isinstance(event, dict) else None
    if not isinstance(url, str):
        raise ContractError("not an event of a custom resource: it lacks its ResponseURL")
    response = respond_to(event, build(), context.get_remaining_time_in_millis() / 1000)
    what = {name: event.get(name) for name in ("RequestType", "ResourceType", "LogicalResourceId", "RequestId")}
    level = logging.INFO if isinstance(response, Succeeded) else logging.ERROR
    _log.log(level, "%s", json.dumps({**what, **response.fields()}))
    send_response(url, encode_response(response, event), put=put, sleep=time.sleep)
