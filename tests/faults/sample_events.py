"""Writes a typical event for each function, with the answers to its AWS calls.

Usage: ``python -m tests.faults.sample_events FOLDER``. A separate process can replay an event with
the function's code and nothing else of the project: see `tests.infra.first_event`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.composition import Composition, aws_adapters
from tailrace_consumers.reconcile_jobs import handler as reconcile_jobs
from tailrace_core.submission.options import SubmitOptions
from tests.faults.functions import CONSUMERS, RECONCILER, SETTINGS
from tests.faults.model import FLAKY
from tests.faults.simulation import Simulation

_ROWS = b"id,x\na,1\nb,%b\n" % FLAKY


class _Recorder:
    """A client that records its answers in a form that JSON can hold."""

    def __init__(self, service: str, client: Any, answers: list[dict[str, Any]]) -> None:
        self._service = service
        self._client = client
        self._answers = answers

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method = getattr(self._client, operation)

        def call(**params: Any) -> Any:
            answer = method(**params)
            noted = answer
            if "Body" in answer:
                noted = {**answer, "Body": answer["Body"].read().decode()}
                answer["Body"].seek(0)
            self._answers.append({"service": self._service, "operation": operation, "answer": noted})
            return answer

        return call


def sample_events() -> dict[str, dict[str, Any]]:
    """Record for each function an ``event``, its ``time``, and the ``answers`` to its calls.

    All belong to one job: a chunk is scored, another fails and is retried. The reconciler finds
    nothing to do.
    """
    sim = Simulation(check_invariants=False)
    sim.submit(_ROWS, SubmitOptions(keep="id", chunk_rows=1))
    found = {RECONCILER: _recorded(sim, RECONCILER, {})}
    while sim.endpoint.backlog:
        sim.endpoint.process()
    for role, (queue, _) in CONSUMERS.items():
        sim.cloud.clock.advance(60.0)
        if not sim.cloud.queue(queue).messages:
            # A function of another engine.
            continue
        (message, *_) = sim.cloud.sqs.receive_message(QueueUrl=queue)["Messages"]
        record = {"messageId": message["MessageId"], "body": message["Body"]}
        found[role] = _recorded(sim, role, {"Records": [record]})
    return found


def _recorded(sim: Simulation, role: str, event: Mapping[str, Any]) -> dict[str, Any]:
    answers: list[dict[str, Any]] = []
    now = sim.cloud.clock()
    execute = BotocoreExecutor(lambda service: _Recorder(service, sim.cloud.client(service), answers))
    made = Composition(SETTINGS, aws_adapters(SETTINGS, execute, sim.cloud.clock))
    if role == RECONCILER:
        reconcile_jobs.assemble(made).run(reconcile_jobs.RUN_LIMIT_S)
    else:
        module = CONSUMERS[role][1]
        module.handle(event["Records"][0]["body"], module.assemble(made))
    environment = {f"TAILRACE_{name.upper()}": value for name, value in SETTINGS.model_dump().items()}
    return {"environment": environment, "event": event, "time": now, "answers": answers}


def main(folder: Path) -> None:
    """Write ``<the function's folder>.json`` for each function."""
    folder.mkdir(parents=True, exist_ok=True)
    for role, recording in sample_events().items():
        (folder / f"{role}.json").write_text(json.dumps(recording))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
