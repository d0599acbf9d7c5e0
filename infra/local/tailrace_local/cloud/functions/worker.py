"""One execution environment: a process under awslambdaric and the Runtime API that feeds it."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import UTC, datetime
from pathlib import Path

from tailrace_local.cloud.functions.environment import WorkerEnvironment
from tailrace_local.cloud.functions.fault_injection.controller import RuntimeCommand
from tailrace_local.cloud.functions.output import WorkerOutput
from tailrace_local.cloud.functions.runtime_api import Answer, Invocation, RuntimeApi, failure
from tailrace_local.cloud.functions.specification import FunctionSpec
from tailrace_local.cloud.roles.credentials import RoleCredentials
from tailrace_local.processes import ProcessGroup

# AWS allows ten seconds. Workers here share few cores with an emulator, and need more.
INIT_TIMEOUT_S = 60.0
# Well below the lifetime of its credentials.
MAX_AGE_S = 3600.0


class Worker:
    """A warm process for one version of one function."""

    def __init__(
        self,
        spec: FunctionSpec,
        *,
        python: str,
        command: RuntimeCommand,
        task_root: Path,
        environment: WorkerEnvironment,
        credentials: RoleCredentials,
        records: Path,
        log: Path,
    ) -> None:
        self.spec = spec
        self.log_stream = f"{datetime.now(UTC):%Y/%m/%d}/[{spec.version}]{uuid.uuid4().hex}"
        self.last_used = self.started = time.monotonic()
        self._invocation: Invocation | None = None
        self._api = RuntimeApi()
        self._output = WorkerOutput(log)
        try:
            variables = environment.variables(
                spec,
                task_root=task_root,
                runtime_api=self._api.address,
                log_stream=self.log_stream,
                credentials=credentials.environment(spec.role, spec.name),
            )
            self._group = ProcessGroup.start(
                [python, *command.arguments],
                what=f"function {spec.name}",
                records=records,
                environment={**variables, **command.environment},
                cwd=task_root,
                output=self._output.writing,
            )
        except BaseException:
            self._api.close()
            raise
        finally:
            self._output.started()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id of the group's leader."""
        return self._group.record.pid

    @property
    def usable(self) -> bool:
        """True while the worker can take another event."""
        return self._group.running and self._api.init_error is None and time.monotonic() - self.started < MAX_AGE_S

    def invoke(self, payload: bytes, request_id: str, arn: str) -> tuple[Answer, str]:
        """Return the function's answer to one event, and its output.

        Applies the function's timeout.
        """
        started = self._initialise()
        if started is not None:
            return started, self._output.take()
        timeout_s = self.spec.timeout_s
        invocation = Invocation(request_id, payload, arn, deadline=time.time() + timeout_s)
        self._invocation = invocation
        self._api.send(invocation)
        if not self._group.running:
            invocation.settle(self._exited(request_id))
        try:
            answer = invocation.answer.result(timeout_s)
        except FutureTimeoutError:
            self.kill()
            answer = failure(
                "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
            )
        self.last_used = time.monotonic()
        return answer, self._output.take()

    def end(self) -> None:
        """End the worker by SIGTERM, then SIGKILL."""
        self._api.close()
        self._group.end()

    def kill(self) -> None:
        """End the worker by SIGKILL, as Lambda does after a timeout."""
        self._api.close()
        self._group.kill()

    def _initialise(self) -> Answer | None:
        """Wait until the worker asks for an event; returns the error that prevented it, if any."""
        if not self._api.ready.wait(INIT_TIMEOUT_S):
            self.kill()
            return failure("Sandbox.Timedout", f"The function's process was not ready after {INIT_TIMEOUT_S:.0f} s")
        if self._api.init_error:
            return self._api.init_error
        return None

    def _watch(self) -> None:
        """Wait for the end of the process, and answer the current invocation with an error."""
        self._group.child.wait()
        if self._invocation:
            self._invocation.settle(self._exited(self._invocation.request_id))
        if not self._api.ready.is_set():
            self._api.init_failed(self._exited("init").payload)

    def _exited(self, request_id: str) -> Answer:
        status = self._group.child.poll()
        return failure("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with status {status}")
