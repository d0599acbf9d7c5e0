"""The invoker of all engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tailrace_consumers.ports import Clock
from tailrace_core.aws.calls import Call, run
from tailrace_core.errors import TransientError
from tailrace_core.invocations import InvocationResponse, InvocationTargets, invoke
from tailrace_core.jobs.model import Chunk, JobSettings


class EngineInvoker:
    """Implements `tailrace_consumers.ports.Invoker`; ``targets`` are the stack's resources."""

    def __init__(
        self, targets: InvocationTargets, execute: Callable[[Call], Mapping[str, Any]], *, clock: Clock
    ) -> None:
        self._targets = targets
        self._execute = execute
        self._clock = clock

    def invoke(self, chunk: Chunk, settings: JobSettings) -> InvocationResponse:
        """Invoke the model for the chunk's current attempt, by the job's engine.

        Raises:
            TransientError: it is unknown whether the service accepted the request, as when its
                response is truncated.
        """
        answer = run(invoke(chunk, settings, self._targets, self._clock()), self._execute)
        if answer is None:
            raise TransientError(f"{chunk.inference_id}: the endpoint's response lacks the output's location")
        return answer
