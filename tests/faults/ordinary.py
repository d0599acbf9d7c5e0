"""``python -m tests.faults.ordinary FOLDER``: writes an ordinary event of each function, with what its calls answer.

A process of its own can play it with the same code and nothing else of the project, see `tests.infra.first_event`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tailrace.options import SubmitOptions
from tailrace_consumers.adapters.executor import Boto3Executor
from tailrace_consumers.composition import Composition, aws
from tailrace_consumers.reconcile_jobs import handler as reconcile_jobs
from tests.faults.functions import CONSUMERS, RECONCILER, SETTINGS
from tests.faults.model import FLAKY
from tests.faults.world import World

_ROWS = b"id,x\na,1\nb,%b\n" % FLAKY


class _Recorder:
    """A client whose answers are noted, as JSON can hold them."""

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


def ordinary() -> dict[str, dict[str, Any]]:
    """For each function the ``event`` as Lambda hands it over, when it comes (``time``), and its calls' ``answers``.

    All are of one job: a chunk is scored, another one fails and is tried again. The reconciler finds nothing to do.
    """
    world = World(watch=False)
    world.submit(_ROWS, SubmitOptions(keep="id", chunk_rows=1))
    found = {RECONCILER: _recorded(world, RECONCILER, {})}
    while world.endpoint.backlog:
        world.endpoint.process()
    for role, (queue, _) in CONSUMERS.items():
        world.cloud.clock.advance(60.0)
        (message, *_) = world.cloud.sqs.receive_message(QueueUrl=queue)["Messages"]
        record = {"messageId": message["MessageId"], "body": message["Body"]}
        found[role] = _recorded(world, role, {"Records": [record]})
    return found


def _recorded(world: World, role: str, event: Mapping[str, Any]) -> dict[str, Any]:
    answers: list[dict[str, Any]] = []
    now = world.cloud.clock()
    execute = Boto3Executor(lambda service: _Recorder(service, world.cloud.client(service), answers))
    made = Composition(SETTINGS, aws(SETTINGS, execute, world.cloud.clock))
    if role == RECONCILER:
        reconcile_jobs.assemble(made).run(reconcile_jobs.SECONDS)
    else:
        module = CONSUMERS[role][1]
        module.handle(event["Records"][0]["body"], module.assemble(made))
    told = {f"TAILRACE_{name.upper()}": value for name, value in SETTINGS.model_dump().items()}
    return {"environment": told, "event": event, "time": now, "answers": answers}


def main(folder: Path) -> None:
    """Write ``<function's folder>.json`` for each."""
    folder.mkdir(parents=True, exist_ok=True)
    for role, recording in ordinary().items():
        (folder / f"{role}.json").write_text(json.dumps(recording))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
