"""Looks at the executions that cut the inputs of remote jobs, and stops those of cancelled jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tailrace.progress.cutting import Cutting, Phase
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import AccessDeniedError, NotFoundError, PermanentError, TailraceError
from tailrace_core.submission.executions import execution_arn

if TYPE_CHECKING:
    from collections.abc import Mapping


class CuttingLook:
    """Looks at one job's execution, the last one if there were several.

    ``machine`` is the ARN of the stack's state machine. What does not change any more is read once.
    """

    def __init__(self, machine: str, job_id: str) -> None:
        self._machine = machine
        self._job_id = job_id
        self._number = 1
        self._runs: dict[str, tuple[str, Mapping[str, Any]]] = {}
        """For each phase with a map of its own, the state of the map and its counts."""
        self._is_remote: bool | None = None

    def look(self) -> Steps[Cutting | None]:
        """Return how far the execution is.

        None if the job has none, or the identity may not see it.
        """
        if self._is_remote is False:
            return None
        try:
            found = yield from self._latest()
        except (AccessDeniedError, NotFoundError):
            self._is_remote = False
            return None
        self._is_remote = True
        if found["status"] == "RUNNING":
            yield from self._read_runs(found["executionArn"])
        phase, run = self._phase()
        counts = {} if run is None else run
        return Cutting(
            execution=found["executionArn"],
            state=found["status"],
            phase=phase,
            runs_done=counts.get("succeeded"),
            runs_total=counts.get("total"),
            error=found.get("error"),
            cause=found.get("cause"),
            output=found.get("output"),
        )

    def stop(self) -> Steps[bool]:
        """Stop the execution of a job that was cancelled; return whether one ran.

        It saves what the functions would go on reading. They send nothing for a job that is closed,
        so an identity that may not stop it, or a service that does not respond, is no error.
        """
        try:
            found = yield from self._latest()
            if found["status"] != "RUNNING":
                return False
            params = {"executionArn": found["executionArn"], "cause": f"job {self._job_id} was cancelled"}
            yield Call("stepfunctions", "stop_execution", params)
        except TailraceError:
            return False
        return True

    def _latest(self) -> Steps[Mapping[str, Any]]:
        found = yield from self._describe(self._number)
        while found["status"] != "RUNNING":
            # Another one may have gone on where this one ended.
            try:
                found = yield from self._describe(self._number + 1)
            except NotFoundError:
                break
            self._number += 1
            self._runs.clear()
        return found

    def _describe(self, number: int) -> Steps[Mapping[str, Any]]:
        arn = execution_arn(self._machine, self._job_id, number)
        answer: Mapping[str, Any] = yield Call("stepfunctions", "describe_execution", {"executionArn": arn})
        return answer

    def _read_runs(self, execution: str) -> Steps[None]:
        try:
            answer = yield Call("stepfunctions", "list_map_runs", {"executionArn": execution})
            for each in answer["mapRuns"]:
                phase = _phase_of(each["mapRunArn"])
                if phase is not None and self._runs.get(phase, ("RUNNING",))[0] == "RUNNING":
                    run = yield Call("stepfunctions", "describe_map_run", {"mapRunArn": each["mapRunArn"]})
                    self._runs[phase] = (run["status"], run["itemCounts"])
        except PermanentError:
            return

    def _phase(self) -> tuple[Phase, Mapping[str, Any] | None]:
        for phase, after in ((Phase.CUT, Phase.SEAL), (Phase.COUNT, Phase.SUM)):
            if phase in self._runs:
                state, counts = self._runs[phase]
                return (after, None) if state == "SUCCEEDED" else (phase, counts)
        return Phase.LIST, None


def _phase_of(map_run: str) -> Phase | None:
    """Return the phase of a map, whose ARN ends with ``machine/label:id``; the label begins with it."""
    label = map_run.rpartition("/")[2].partition(":")[0].lower()
    return next((phase for phase in (Phase.COUNT, Phase.CUT) if label.startswith(phase)), None)
