"""Patch of Distributed Maps: child executions, their number at once, tolerated failures, and ends.

Source: AWS's "Using Map state in Distributed mode", "Setting failure thresholds for Distributed Map
states", "IAM policies for using Distributed Map states".
"""

from __future__ import annotations

import copy
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch, PrivateModule
from tailrace_local.cloud.ministack.step_functions import executions
from tailrace_local.cloud.ministack.step_functions.machine_role import MachineRole
from tailrace_local.cloud.ministack.step_functions.map_runs import Document, MapRun
from tailrace_local.cloud.ministack.step_functions.tasks import require_size

_SERVICE = "ministack.services.stepfunctions"
_RESPONSES = PrivateModule("ministack.core.responses", "now_iso()")
_STEPS = PrivateModule(
    _SERVICE,
    "_ExecutionError(error, cause)",
    "_apply_output_path(state_def, data, ctx)",
    "_apply_result_path(state_def, original, result)",
    "_apply_result_selector(state_def, data)",
    "_executions: AccountRegionScopedDict",
    "_map_runs: AccountRegionScopedDict",
    "_next_or_end(state_def)",
    "_read_map_items(reader, effective, ctx)",
    "_resolve_params_obj(template, data, ctx)",
    "_resolve_path_or_ctx(path, data, ctx)",
    "_run_sub_machine(states, start_at, input_data, execution, ctx)",
)
_RUN = Patch(
    _SERVICE,
    "_run_distributed_map(state_def, raw_input, effective, iterator, execution, ctx)",
    corrects=(
        "MiniStack runs all items although the execution was stopped or too many have failed, gives children the "
        "context of their parent, ignores MaxConcurrencyPath, and asks for no permission."
    ),
    why="A stopped job would be cut to its end, and a role that lacks states:StartExecution would fail on AWS only.",
    until="MiniStack's map runs end with their execution and at their threshold, with the machine's role.",
)
_READ = Patch(
    _SERVICE,
    "_s3_object_text(bucket, key)",
    corrects="MiniStack's item readers read any object, whatever the machine's role may do.",
    why="A role without s3:GetObject would work here and fail on AWS.",
    until="MiniStack reads items with the machine's role.",
)
_UNKNOWN = ("ItemBatcher", "ResultWriter")


class DistributedMaps:
    """Runs the items of a Distributed Map as child executions of a map run."""

    def __init__(self, role: MachineRole) -> None:
        self._role = role
        self._steps = _STEPS.load()
        self._now = _RESPONSES.load().now_iso

    def install(self) -> None:
        """Apply the patches."""
        _READ.wrap(lambda _original, bucket, key: self._read(bucket, key))
        _RUN.wrap(lambda _original, *state: self._run(*state))

    def _read(self, bucket: str, key: str) -> str:
        execution = executions.current()
        if execution is None:
            raise self._steps._ExecutionError("States.ItemReaderFailed", "No execution reads the items")
        try:
            return self._role.read_object(executions.role_of(execution), bucket, key).decode()
        except Exception as error:
            message = f"Failed to read s3://{bucket}/{key}: {error}"
            raise self._steps._ExecutionError("States.ItemReaderFailed", message) from error

    def _run(
        self, state: Document, given: Any, effective: Any, processor: Document, execution: Document, ctx: Document
    ) -> tuple[Any, str | None]:
        steps = self._steps
        if unknown := [name for name in _UNKNOWN if name in state]:
            raise steps._ExecutionError("States.Runtime", f"{unknown[0]} of a Distributed Map is not emulated here")
        self._authorize(execution)
        items = (
            steps._read_map_items(state["ItemReader"], effective, ctx)
            if state.get("ItemReader")
            else steps._resolve_path_or_ctx(state.get("ItemsPath", "$"), effective, ctx)
        )
        items = items if isinstance(items, list) else [items]
        run = MapRun(self._limits(state, effective, ctx), state, execution, len(items), self._now)
        steps._map_runs[run.arn] = run.record
        selector = state.get("ItemSelector") or state.get("Parameters")

        def child(index: int) -> tuple[Document, Document, Any]:
            context = copy.deepcopy(ctx)
            context["Map"] = {"Item": {"Index": index, "Value": items[index]}}
            wanted = steps._resolve_params_obj(selector, effective, context) if selector else items[index]
            record = run.child(wanted)
            # Within a child, the context object is about the child.
            del context["Map"]
            names = {"Id": "executionArn", "Name": "name", "StartTime": "startDate"}
            context["Execution"] = {"Input": wanted, **{key: record[name] for key, name in names.items()}}
            steps._executions[record["executionArn"]] = record
            return record, context, wanted

        def work(index: int) -> None:
            if not run.begin(index):
                return
            try:
                record, context, wanted = child(index)
                run.started(index, record)
                executions.work_for(record)
                states, start = processor.get("States", {}), processor.get("StartAt")
                result = steps._run_sub_machine(states, start, wanted, record, context)
            except Exception as error:  # noqa: BLE001 - any error is the child's
                run.failed(index, getattr(error, "error", "States.Runtime"), getattr(error, "cause", str(error)))
            else:
                run.succeeded(index, result)

        run.work_off(work)
        if run.record["status"] == "FAILED":
            message = "The specified tolerated failure threshold was exceeded"
            raise steps._ExecutionError("States.ExceedToleratedFailureThreshold", message)
        if run.record["status"] == "ABORTED":
            raise steps._ExecutionError("States.TaskFailed", "The execution has ended")
        output = steps._apply_result_path(state, given, steps._apply_result_selector(state, run.results))
        output = steps._apply_output_path(state, output, ctx)
        require_size(steps._ExecutionError, output)
        return output, steps._next_or_end(state)

    def _authorize(self, execution: Document) -> None:
        """Check that the role may start child executions, for which it needs the machine itself."""
        role, action = executions.role_of(execution), "states:StartExecution"
        machine = execution["stateMachineArn"].partition("/")[0]
        if not self._role.may(role, action, machine):
            message = f"{role} is not authorized to perform: {action} on resource: {machine}"
            raise self._steps._ExecutionError("States.Permissions", message)

    def _limits(self, state: Document, effective: Any, ctx: Document) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        for name in ("MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"):
            path = state.get(f"{name}Path")
            value = self._steps._resolve_path_or_ctx(path, effective, ctx) if path else state.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float | None):
                raise self._steps._ExecutionError("States.Runtime", f"{name} has to be a number, not {value!r}")
            found[name] = value
        return found
