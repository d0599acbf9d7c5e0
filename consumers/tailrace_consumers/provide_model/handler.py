"""One event of CloudFormation, and the answer that it waits for."""

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
"""Of the function's time, kept for the answer: a call that begins at the deadline, one that cleans up, and the PUTs."""

_log = logging.getLogger("tailrace.provide_model")


@cache
def build() -> SageMakerModels:
    """The adapter to SageMaker, kept for the next event."""
    return SageMakerModels(BotocoreExecutor(short_timeout_client))


def respond_to(event: dict[str, Any], adapter: SageMakerModels, remaining_s: float) -> Response:
    """The answer, whatever the event is and whatever goes wrong."""
    retry_until = RetryUntil(
        clock=time.monotonic, sleep=time.sleep, deadline=time.monotonic() + max(0.0, remaining_s - RESERVE_S)
    )
    try:
        return ProvideModel(jobs=adapter, models=adapter, retry_until=retry_until).handle(
            ResourceRequest.from_event(event)
        )
    except Exception as exc:  # noqa: BLE001 - whatever it is, the stack has to hear of it
        _log.exception("no answer was foreseen for this event")
        physical_id = str(event.get("PhysicalResourceId") or f"{event.get('LogicalResourceId', 'it')}-was-not-made")
        return Failed(physical_id, exc.message if isinstance(exc, TailraceError) else f"{type(exc).__name__}: {exc}")


def handler(event: Any, context: Any) -> None:
    """Answer the event at its ResponseURL. Raises what Lambda should run the event again for."""
    url = event.get("ResponseURL") if isinstance(event, dict) else None
    if not isinstance(url, str):
        raise ContractError("not an event of a custom resource: it has no ResponseURL to answer at")
    answer = respond_to(event, build(), context.get_remaining_time_in_millis() / 1000)
    what = {name: event.get(name) for name in ("RequestType", "ResourceType", "LogicalResourceId", "RequestId")}
    level = logging.INFO if isinstance(answer, Succeeded) else logging.ERROR
    _log.log(level, "%s", json.dumps({**what, **answer.fields()}))
    send_response(url, encode_response(answer, event), put=put, sleep=time.sleep)
