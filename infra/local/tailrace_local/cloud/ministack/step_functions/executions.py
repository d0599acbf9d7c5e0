"""Patches of executions: their names, their ends, and the execution that a thread works for."""

from __future__ import annotations

import contextvars
import json
import re
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule

_SERVICE = "ministack.services.stepfunctions"
_STEPS = PrivateModule(
    _SERVICE,
    "_executions: AccountRegionScopedDict",
    "_state_machines: AccountRegionScopedDict",
    "_add_event(execution, event_type, details)",
    "_emit_execution_status_event(execution)",
)
_START = Patch(
    _SERVICE,
    "_start_execution(data)",
    corrects="MiniStack refuses the name of a running execution even with the same input, and accepts any name.",
    why="AWS answers with the running execution: a repeated start is no error there.",
    until="MiniStack's StartExecution is idempotent, and checks names.",
)
_RUN = Patch(
    _SERVICE,
    "_run_execution(exec_arn)",
    corrects="MiniStack ignores the TimeoutSeconds of a definition.",
    why="An execution that hangs would never end, and its event TIMED_OUT would never come.",
    until="MiniStack ends executions as TIMED_OUT.",
)
_FAIL = Patch(
    _SERVICE,
    "_fail_execution(execution, error, cause)",
    corrects="MiniStack fails an execution that was stopped while its last task ran.",
    why="A stopped execution would end a second time, as FAILED, with a second event.",
    until="MiniStack leaves an execution alone that has ended.",
)
_REFUSED, _OK = 400, 200
_NAME = re.compile(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""")

Answer = tuple[int, dict[str, str], bytes | str]

_CURRENT: ContextVar[dict[str, Any] | None] = ContextVar("execution", default=None)


def current() -> dict[str, Any] | None:
    """Return MiniStack's record of the execution that this thread works for; None outside one."""
    return _CURRENT.get()


def work_for(execution: dict[str, Any]) -> None:
    """Have the thread's context work for an execution from now on."""
    _CURRENT.set(execution)


def is_open(execution: dict[str, Any]) -> bool:
    """Return whether an execution has not ended."""
    return bool(execution["status"] == "RUNNING")


def role_of(execution: dict[str, Any]) -> str:
    """Return the ARN of the role with which an execution started."""
    return str(execution["events"][0]["executionStartedEventDetails"]["roleArn"])


class Executions:
    """Starts executions once by name, and ends them once."""

    def __init__(self) -> None:
        self._steps = _STEPS.load()

    def install(self) -> None:
        """Apply the patches."""
        _START.wrap(self._start)
        _RUN.wrap(self._run)
        _FAIL.wrap(lambda original, execution, *why: original(execution, *why) if is_open(execution) else None)

    def _start(self, original: Callable[..., Answer], data: dict[str, Any]) -> Answer:
        name = data.get("name")
        if name is not None and _NAME.fullmatch(str(name)) is None:
            return _answer(_REFUSED, {"__type": "InvalidName", "message": f"Invalid Name: '{name}'"})
        status, headers, body = original(data)
        found = json.loads(body)
        if status != _REFUSED or found.get("__type") != "ExecutionAlreadyExists":
            return status, headers, body
        running = self._running(str(data.get("stateMachineArn", "")), str(name), data.get("input", "{}"))
        return (status, headers, body) if running is None else _answer(_OK, running)

    def _running(self, machine: str, name: str, text: str) -> dict[str, Any] | None:
        """Return StartExecution's answer for a running execution of this name and input."""
        for execution in list(self._steps._executions.values()):
            if execution["stateMachineArn"] == machine and execution["name"] == name:
                if is_open(execution) and execution["input"] == text:
                    return {key: execution[key] for key in ("executionArn", "startDate")}
                return None
        return None

    def _run(self, original: Callable[[str], None], arn: str) -> None:
        execution = self._steps._executions.get(arn)
        if execution is None:
            return
        work_for(execution)
        timeout_s = self._timeout_s(execution)
        if timeout_s is None:
            original(arn)
            return
        # Not a threading.Timer: the end of the execution ends the wait.
        ended = threading.Event()
        expire = partial(contextvars.copy_context().run, self._expire, execution, ended, timeout_s)
        threading.Thread(target=expire, daemon=True).start()
        try:
            original(arn)
        finally:
            ended.set()

    def _timeout_s(self, execution: dict[str, Any]) -> float | None:
        machine = self._steps._state_machines.get(execution["stateMachineArn"]) or {"definition": "{}"}
        try:
            found = json.loads(machine["definition"]).get("TimeoutSeconds")
        except ValueError:
            return None
        return None if found is None else float(found)

    def _expire(self, execution: dict[str, Any], ended: threading.Event, timeout_s: float) -> None:
        if ended.wait(timeout_s) or not is_open(execution):
            return
        execution["status"] = "TIMED_OUT"
        execution["stopDate"] = self._steps._add_event(execution, "ExecutionTimedOut")["timestamp"]
        self._steps._emit_execution_status_event(execution)


def _answer(status: int, content: dict[str, Any]) -> Answer:
    return status, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(content).encode()
