"""Patches of Lambda tasks: the machine's role, the limit of a result, and the errors' names.

Source: AWS's "Handling errors in Step Functions workflows" and "Service quotas".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule
from tailrace_local.cloud.ministack.step_functions import executions
from tailrace_local.cloud.ministack.step_functions.machine_role import MachineRole

_SERVICE = "ministack.services.stepfunctions"
_STEPS = PrivateModule(_SERVICE, "_ExecutionError(error, cause)")
_LAMBDA = PrivateModule("ministack.services.lambda_svc", "_get_func_record_for_ref(function_ref)")
_CALL = Patch(
    _SERVICE,
    "_call_lambda(func_ref, event)",
    corrects=(
        "MiniStack invokes a task's function whatever the machine's role may do, goes on after the execution's end, "
        "takes results of any size, and names a throttled invocation Lambda.Unknown."
    ),
    why="A role without lambda:InvokeFunction, and a result above 256 KiB, would work here and fail on AWS.",
    until="MiniStack invokes tasks with the machine's role, and enforces the quota of a result.",
)
LIMIT_BYTES = 256 * 1024
"""Quota of a task's or a state's result."""


class LambdaTasks:
    """Invokes the functions of tasks for a state machine's role."""

    def __init__(self, role: MachineRole) -> None:
        self._role = role
        self._error: Any = _STEPS.load()._ExecutionError
        self._lambda = _LAMBDA.load()

    def install(self) -> None:
        """Apply the patch."""
        _CALL.wrap(self._call)

    def _call(self, original: Callable[..., Any], function: str, event: Any) -> Any:
        execution = executions.current()
        if execution is None:
            return original(function, event)
        if not executions.is_open(execution):
            raise self._error("States.TaskFailed", "The execution has ended")
        self._authorize(executions.role_of(execution), function)
        try:
            result = original(function, event)
        except self._error as error:
            raise self._named(error) from error
        require_size(self._error, result)
        return result

    def _authorize(self, role: str, function: str) -> None:
        _, config, _ = self._lambda._get_func_record_for_ref(function)
        action = "lambda:InvokeFunction"
        if config and not self._role.may(role, action, config["FunctionArn"]):
            raise self._error(
                "Lambda.AWSLambdaException",
                f"{role} is not authorized to perform: {action} on resource: {config['FunctionArn']} because no "
                "identity-based policy allows it (Service: Lambda, Status Code: 403)",
            )

    def _named(self, error: Any) -> Any:
        """Return MiniStack's error of a task under the name that AWS gives it."""
        try:
            cause = json.loads(error.cause)
        except ValueError:
            return error
        if isinstance(cause, dict) and cause.get("__type") == "TooManyRequestsException":
            return self._error("Lambda.TooManyRequestsException", f"{cause['message']} (Status Code: 429)")
        return error


def require_size(error: Any, result: Any) -> None:
    """Check that a result is within the quota. Raises `error` as States.DataLimitExceeded."""
    if len(json.dumps(result)) > LIMIT_BYTES:
        raise error(
            "States.DataLimitExceeded",
            "The state/task returned a result with a size exceeding the maximum number of bytes service limit.",
        )
