"""`python -m tailrace_local.cloud.functions.fault_injection.runtime FOLDER HANDLER`.

Awslambdaric, with faults.

It runs in place of `python -m awslambdaric HANDLER` while a fault plan for functions is set. The
function's code and artifact are the same: the faults come from botocore's own events, from the
executor of Tailrace's functions, which makes most calls without botocore, and from signals.
"""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from tailrace_local.cloud.functions.fault_injection.broken_body import BrokenBody
from tailrace_local.cloud.functions.fault_injection.rules import Fault, FaultRules

_EXECUTOR = "tailrace_consumers.adapters.direct_executor"


class _DirectModel:
    """Names of a direct call's service and operation, as botocore's model has them."""

    def __init__(self, call: Any) -> None:
        self.service_model = self
        self.service_name = call.service
        self.name = "".join(part.capitalize() for part in call.operation.split("_"))


class FaultInjector:
    """Checks the rules at each event and AWS call of this process, and injects the faults."""

    def __init__(self, rules: FaultRules, exceptions: Any, response: Callable[[int], Any]) -> None:
        self._rules = rules
        self._exceptions = exceptions
        self._response = response
        self._lock = threading.Lock()
        self._request_id = ""
        self._calls = 0
        self._timer: threading.Timer | None = None
        self._watching = False

    def around_event(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap awslambdaric's `handle_event_request`; its third argument is the request's id."""

        def handle(client: Any, handler: Any, request_id: str, *rest: Any, **named: Any) -> Any:
            self._watch_direct_calls()
            self._begin(request_id)
            try:
                return work(client, handler, request_id, *rest, **named)
            finally:
                self._end()

        return handle

    def before_call(self, model: Any, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> Any:
        """Handle botocore's event before-call.

        An exception ends the call, a returned answer replaces AWS's.
        """
        with self._lock:
            self._calls += 1
            context["tailrace_call"] = self._calls
        fault = self._rules.at_call("before", _name(model), context["tailrace_call"], self._request_id)
        if fault is None:
            return None
        if fault["kind"] == "kill_before":
            die()
        if fault["kind"] == "unreachable":
            raise self._exceptions.EndpointConnectionError(endpoint_url=params.get("url", ""))
        return self._refusal(fault)

    def after_call(
        self,
        model: Any,
        context: dict[str, Any],
        parsed: dict[str, Any] | None = None,
        translate: Callable[[Exception], Exception] = lambda error: error,
        **_: Any,
    ) -> None:
        """Handle botocore's event after-call.

        AWS has carried the call out, and the caller has no answer yet. `translate` makes the error
        of a body from botocore's.
        """
        number = context.get("tailrace_call", self._calls)
        match self._rules.at_call("after", _name(model), number, self._request_id):
            case {"kind": "kill_after"}:
                die()
            case {"kind": "lose_reply"}:
                raise self._exceptions.ReadTimeoutError(endpoint_url=_name(model))
            case {"kind": "break_body", "after_bytes": after_bytes} if parsed and "Body" in parsed:
                error = self._exceptions.ResponseStreamingError(error="the fault plan broke the connection off")
                parsed["Body"] = BrokenBody(parsed["Body"], after_bytes, lambda: translate(error))

    def _watch_direct_calls(self) -> None:
        """Wrap the executor of direct calls, once the function's handler has been imported."""
        module = sys.modules.get(_EXECUTOR)
        if module is not None and not self._watching:
            self._watching = True
            module.DirectExecutor.__call__ = self.around_direct_call(module.DirectExecutor.__call__)

    def around_direct_call(self, work: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """Wrap the executor's method; calls that are botocore's have botocore's events."""

        def execute(executor: Any, call: Any) -> Any:
            if not executor.is_direct(call):
                return work(executor, call)
            translation = sys.modules["tailrace_core.aws.errors"].translate_exception

            def translate(error: Exception) -> Any:
                return translation(error, f"{call.service}.{call.operation}")

            try:
                return self._with_faults(_DirectModel(call), lambda: work(executor, call), translate)
            except (self._exceptions.BotoCoreError, self._exceptions.ClientError) as exc:
                raise translate(exc) from exc

        return execute

    def _with_faults(self, model: Any, work: Callable[[], Any], translate: Callable[[Exception], Exception]) -> Any:
        context: dict[str, Any] = {}
        refused = self.before_call(model, {"url": model.service_name}, context)
        if refused is not None:
            raise self._exceptions.ClientError(refused[1], model.name)
        answer = work()
        self.after_call(model, context, answer, translate)
        return answer

    def _begin(self, request_id: str) -> None:
        self._request_id, self._calls = request_id, 0
        if found := self._rules.at_event(request_id):
            fault, share = found
            moment = fault["from_s"] + share * max(0.0, fault["to_s"] - fault["from_s"])
            self._timer = threading.Timer(moment, die)
            self._timer.daemon = True
            self._timer.start()

    def _end(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _refusal(self, fault: Fault) -> tuple[Any, dict[str, Any]]:
        error = {"Code": fault["code"], "Message": fault["message"]}
        metadata = {"HTTPStatusCode": fault["status"], "HTTPHeaders": {}, "RequestId": "refused-by-the-fault-plan"}
        return self._response(fault["status"]), {"Error": error, "ResponseMetadata": metadata}


def die() -> NoReturn:
    """End the process by SIGKILL, like a lost machine: no clean-up and no answer."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit(1)  # never reached


def _name(model: Any) -> str:
    return f"{model.service_model.service_name}.{model.name}"


def main(folder: str, handler: str) -> None:
    """Become awslambdaric with the function's handler."""
    injector = _fault_injector(FaultRules(Path(folder), os.environ["AWS_LAMBDA_FUNCTION_NAME"]))
    handlers = importlib.import_module("botocore.handlers").BUILTIN_HANDLERS
    # First, before botocore's own handlers. Every session registers this list.
    handlers.insert(0, ("before-call", injector.before_call))
    handlers.append(("after-call", injector.after_call))
    bootstrap: Any = importlib.import_module("awslambdaric.bootstrap")
    bootstrap.handle_event_request = injector.around_event(bootstrap.handle_event_request)
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


def _fault_injector(rules: FaultRules) -> FaultInjector:
    exceptions = importlib.import_module("botocore.exceptions")
    aws_response = importlib.import_module("botocore.awsrequest").AWSResponse
    return FaultInjector(rules, exceptions, lambda status: aws_response("", status, {}, None))


def _remove_own_path() -> None:
    """Remove the local cloud's modules from the path.

    The function must find only its own and the runtime's.
    """
    here = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [path for path in sys.path if path not in here]


if __name__ == "__main__":
    _remove_own_path()
    main(sys.argv[1], sys.argv[2])
