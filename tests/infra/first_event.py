"""Start a function's built artifact and handle one event.

Usage: ``first_event.py ARTIFACT FOLDER RECORDING``.

FOLDER is the function's own in the artifact; RECORDING was written by `tests.faults.sample_events`.
Requests are built and signed as ever; only their answers are the recorded ones.
Standard library only: the runtime's Python runs it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import sys
import time
from functools import partial
from typing import Any


class Played:
    """Returns the recorded answers in order and asserts the same calls."""

    def __init__(self, answers: list[dict[str, Any]], credentials: Any) -> None:
        self._answers = answers
        self._credentials = credentials

    def __call__(self, call: Any, target: Any) -> Any:
        target.signed(call, self._credentials, "20260101T000000Z")
        recorded = self._answers.pop(0)
        assert (recorded["service"], recorded["operation"]) == (call.service, call.operation), recorded
        if "error" in recorded:
            errors = importlib.import_module("tailrace_core.errors")
            raise getattr(errors, recorded["error"])("recorded")
        answer: dict[str, Any] = recorded["answer"]
        return {**answer, "Body": io.BytesIO(answer["Body"].encode())} if "Body" in answer else answer


def handled(folder: str, recording: dict[str, Any]) -> Any:
    """Return the function's answer; everything is as in its handler, except clock and answers.

    With ``whole``, the clock too.
    """
    if recording.get("whole"):
        return handled_whole(folder, recording)
    module = importlib.import_module(f"tailrace_consumers.{folder}.handler")
    composition, executor, signing, retrying, settings, telemetry = map(
        importlib.import_module,
        (
            "tailrace_consumers.composition",
            "tailrace_consumers.adapters.direct_executor",
            "tailrace_core.aws.direct.signing",
            "tailrace_core.aws.retrying",
            "tailrace_consumers.settings",
            "tailrace_consumers.runtime.telemetry",
        ),
    )
    execute = executor.DirectExecutor(call=Played(recording["answers"], signing.Credentials("id", "secret")))
    told = settings.Settings.from_environment(os.environ)
    world = composition.aws_adapters(
        told, retrying.retrying(execute), clock=lambda: recording["time"], meter=telemetry.EmbeddedMeter()
    )
    made = composition.Composition(told, world)
    if hasattr(module, "process_event"):
        return module.process_event(recording["event"], made)
    service = module.assemble(made)
    if "Records" in recording["event"]:
        return telemetry.process_serially(recording["event"], partial(module.handle, service=service))
    return telemetry.report_run(*service.run(module.RUN_LIMIT_S))


class Context:
    """A call with all its time left."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def handled_whole(folder: str, recording: dict[str, Any]) -> Any:
    """Return the answer of the handler itself, whose way to AWS alone is another."""
    executor: Any = importlib.import_module("tailrace_consumers.adapters.direct_executor")
    signing = importlib.import_module("tailrace_core.aws.direct.signing")
    played = Played(recording["answers"], signing.Credentials("id", "secret"))
    executor.DirectExecutor = partial(executor.DirectExecutor, call=played)
    handler = importlib.import_module(f"tailrace_consumers.{folder}.handler").handler
    errors = importlib.import_module("tailrace_core.errors")
    expected = getattr(errors, recording["raises"]) if "raises" in recording else ()
    try:
        return handler(recording["event"], Context())
    except expected as error:
        return str(error)


def main(artifact: str, folder: str, recording: str) -> None:
    """Print the answer, the seconds of start and event, the log, and the process's modules."""
    with open(recording) as file:  # noqa: PTH123 pathlib would be imported, and that is what is measured
        recorded = json.load(file)
    os.environ.update(recorded["environment"])
    usual, log = gc.get_threshold(), io.StringIO()
    started = time.perf_counter()
    with contextlib.redirect_stdout(log):
        sys.path.insert(0, artifact)
        answer = handled(folder, recorded)
    seconds = time.perf_counter() - started
    assert not recorded["answers"], recorded["answers"]
    json.dump(
        {
            "answer": answer,
            "figures": {"seconds": seconds},
            "log": [json.loads(line) for line in log.getvalue().splitlines() if line],
            "modules": sorted(sys.modules),
            "collects as before": gc.get_threshold() == usual,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
