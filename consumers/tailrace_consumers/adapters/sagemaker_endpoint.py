"""A real-time or serverless endpoint in SageMaker, called by InvokeEndpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tailrace_consumers.adapters.direct_executor import DirectExecutor
from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.ports import ModelAnswer
from tailrace_core.aws.calls import Call
from tailrace_core.aws.direct.connections import Timeouts
from tailrace_core.aws.errors import translate_exception
from tailrace_core.aws.retrying import RetryPolicy
from tailrace_core.errors import PermanentError, TailraceError
from tailrace_core.messages.scoring import ScoreDue

Execute = Callable[[Call], Mapping[str, Any]]

MAX_MODEL_S = 60
"""The longest time that a model may take; the service ends the request then."""
GRACE_S = 10
"""Time beyond it for the request's way there and back."""
_OPERATION = "sagemaker-runtime.invoke_endpoint"
_EXECUTORS = 4


def unrepeated_executor(read_timeout_s: float) -> Execute:
    """Return an executor that makes each call once.

    A retry would score the rows again, perhaps while the model still computes; the chunk's attempts
    are counted in the ledger.
    """
    return DirectExecutor(
        timeouts=Timeouts(connect_s=3, read_s=read_timeout_s),
        retries=RetryPolicy(max_tries=1, max_conflict_tries=1),
        by_botocore=BotocoreExecutor(partial(_client, read_timeout_s)),
    )


def _client(read_timeout_s: float, service: str) -> Any:
    from tailrace_consumers.adapters.clients import default_client  # noqa: PLC0415 - brings botocore

    return default_client(service, read_timeout_s=read_timeout_s, attempts=1)


class SageMakerEndpoint:
    """Implements `tailrace_consumers.ports.ModelEndpoint`.

    ``make_executor`` gets the seconds to wait for an answer.
    """

    def __init__(self, make_executor: Callable[[float], Execute] = unrepeated_executor) -> None:
        self._make_executor = make_executor
        self._executors: dict[float, Execute] = {}

    def invoke(self, request: ScoreDue, body: bytes, *, max_bytes: int) -> ModelAnswer:
        """Send the rows and wait for the answer; see the port for what it raises."""
        params = {
            "EndpointName": request.endpoint_name,
            "InferenceId": request.inference_id,
            "ContentType": request.content_type,
            "Accept": request.accept,
            "Body": body,
        }
        if request.custom_attributes is not None:
            params["CustomAttributes"] = request.custom_attributes
        answer = self._executor(request)(Call("sagemaker-runtime", "invoke_endpoint", params))
        return ModelAnswer(_read(answer["Body"], max_bytes), answer.get("ContentType"))

    def _executor(self, request: ScoreDue) -> Execute:
        timeout_s = min(request.invocation_timeout_s, MAX_MODEL_S) + GRACE_S
        if timeout_s not in self._executors:
            if len(self._executors) >= _EXECUTORS:
                self._executors.clear()
            self._executors[timeout_s] = self._make_executor(timeout_s)
        return self._executors[timeout_s]


def _read(stream: Any, max_bytes: int) -> bytes:
    try:
        body: bytes = stream.read(max_bytes + 1)
    except TailraceError:
        raise
    except Exception as exc:
        if not type(exc).__module__.startswith(("botocore.", "urllib3.")):
            raise
        raise translate_exception(exc, _OPERATION) from exc
    finally:
        stream.close()
    if len(body) > max_bytes:
        raise PermanentError(f"{_OPERATION}: the response exceeds the maximum payload size of {max_bytes} bytes")
    return body
