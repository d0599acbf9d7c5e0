"""One event of CloudFormation, and the answer that it waits for."""

from __future__ import annotations

import json
import logging
import time
from functools import cache
from typing import Any

from tailrace_consumers.adapters.executor import Boto3Executor
from tailrace_consumers.provide_model.answers import Answer, Failed, Succeeded, body_of
from tailrace_consumers.provide_model.requests import Request
from tailrace_consumers.provide_model.response_url import LONGEST_S, deliver, put
from tailrace_consumers.provide_model.retrying import Patience
from tailrace_consumers.provide_model.sagemaker_models import CALL_S, SageMakerModels, client
from tailrace_consumers.provide_model.service import ProvideModel
from tailrace_core.errors import ContractError, TailraceError

RESERVE_S = LONGEST_S + 2 * CALL_S + 5.0
"""Of the function's time, kept for the answer: a call that begins at the deadline, one that cleans up, and the PUTs."""

_log = logging.getLogger("tailrace.provide_model")


@cache
def build() -> SageMakerModels:
    """The adapter to SageMaker, kept for the next event."""
    return SageMakerModels(Boto3Executor(client))


def answer_to(event: dict[str, Any], adapter: SageMakerModels, remaining_s: float) -> Answer:
    """The answer, whatever the event is and whatever goes wrong."""
    patience = Patience(
        clock=time.monotonic, sleep=time.sleep, deadline=time.monotonic() + max(0.0, remaining_s - RESERVE_S)
    )
    try:
        return ProvideModel(jobs=adapter, models=adapter, patience=patience).handle(Request.of(event))
    except Exception as exc:  # noqa: BLE001 - whatever it is, the stack has to hear of it
        _log.exception("no answer was foreseen for this event")
        known = str(event.get("PhysicalResourceId") or f"{event.get('LogicalResourceId', 'it')}-was-not-made")
        return Failed(known, exc.message if isinstance(exc, TailraceError) else f"{type(exc).__name__}: {exc}")


def handler(event: Any, context: Any) -> None:
    """Answer the event at its ResponseURL. Raises what Lambda should run the event again for."""
    url = event.get("ResponseURL") if isinstance(event, dict) else None
    if not isinstance(url, str):
        raise ContractError("not an event of a custom resource: it has no ResponseURL to answer at")
    answer = answer_to(event, build(), context.get_remaining_time_in_millis() / 1000)
    what = {name: event.get(name) for name in ("RequestType", "ResourceType", "LogicalResourceId", "RequestId")}
    level = logging.INFO if isinstance(answer, Succeeded) else logging.ERROR
    _log.log(level, "%s", json.dumps({**what, **answer.fields()}))
    deliver(url, body_of(answer, event), put=put, sleep=time.sleep)
