"""The functions that cut, as the state machine calls them: with processes that may die."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from tailrace_consumers.adapters.body_reading import reading_bodies
from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.adapters.s3_ranges import S3Ranges
from tailrace_consumers.files.count_stripe import handler as count_stripe
from tailrace_consumers.files.count_stripe.service import CountStripe
from tailrace_consumers.files.cut_stripe import handler as cut_stripe
from tailrace_consumers.files.cut_stripe.service import CutStripe
from tailrace_consumers.files.fail_cutting import handler as fail_cutting
from tailrace_consumers.files.fail_cutting.service import FailCutting
from tailrace_consumers.files.list_stripes.service import ListStripes
from tailrace_consumers.files.seal_cutting import handler as seal_cutting
from tailrace_consumers.files.seal_cutting.service import SealCutting
from tailrace_consumers.files.sum_stripes.service import SumStripes
from tailrace_consumers.settings import CuttingSettings
from tailrace_core.errors import TailraceError
from tests.faults.cutting.state_machine import StateFailedError
from tests.faults.injection import Crash, Process
from tests.faults.memory_aws import cloud as names
from tests.faults.simulation import Simulation

SETTINGS = CuttingSettings(
    bucket=names.BUCKET,
    ledger_table=names.TABLE,
    results_topic=names.RESULTS_TOPIC,
    scoring_queue=names.SCORING,
    transforms_queue=names.TRANSFORMS,
)
BLOCK_BYTES = 7
"""Sources are read in so small blocks, so that a read may break off anywhere."""


@dataclass
class CuttingFunctions:
    """The functions of one simulation."""

    sim: Simulation
    time_left_s: Callable[[], float] = lambda: 900.0
    called: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Each call, to be repeated."""
    _alive: dict[str, tuple[Process, Any]] = field(default_factory=dict)

    def call(self, name: str, event: dict[str, Any]) -> Any:
        """Call a function; raise `StateFailedError` for its error, as the state machine sees it."""
        self.called.append((name, event))
        schedule = self.sim.schedule
        schedule.begin(name)
        _, service = self._service(name)
        try:
            return self._handle(name, event, service)
        except Crash:
            self.sim.functions.deaths += 1
            del self._alive[name]
            raise StateFailedError("Lambda.Unknown", "the process died") from None
        except TailraceError as exc:
            self.sim.functions.errors.append((name, exc))
            cause = {"errorType": type(exc).__name__, "errorMessage": str(exc), "stackTrace": []}
            raise StateFailedError(type(exc).__name__, json.dumps(cause)) from exc

    def _handle(self, name: str, event: dict[str, Any], service: Any) -> Any:
        def remaining_ms() -> float:
            return self.time_left_s() * 1000

        if name in {"CountStripe", "CutStripe"}:
            return _HANDLERS[name].handle(event, service, remaining_ms)
        return _HANDLERS[name](event, service)

    def _service(self, name: str) -> tuple[Process, Any]:
        if name not in self._alive:
            process = Process(self.sim.cloud, name, self.sim.schedule)
            execute = reading_bodies(process.retrying_executor(BotocoreExecutor(self.sim.cloud.client)))
            self._alive[name] = process, self._build(name, execute)
        return self._alive[name]

    def _build(self, name: str, execute: Callable[..., Any]) -> Any:
        now = self.sim.cloud.clock
        store = S3ObjectStore(names.BUCKET, execute)
        open_range = S3Ranges(execute, block_bytes=BLOCK_BYTES).open
        made: dict[str, Callable[[], Any]] = {
            "ListStripes": lambda: ListStripes(store, execute),
            "CountStripe": lambda: CountStripe(store, open_range, now=now),
            "SumStripes": lambda: SumStripes(store, open_range, reads_at_once=1),
            "CutStripe": lambda: CutStripe(SETTINGS, execute, open_range, now=now, concurrency=1),
            "SealCutting": lambda: SealCutting(SETTINGS, execute, now=now),
            "FailCutting": lambda: FailCutting(SETTINGS, execute, now=now),
        }
        return made[name]()


_HANDLERS: dict[str, Any] = {
    "ListStripes": lambda event, service: service.list(event["job_id"]) or {"done": True},
    "CountStripe": count_stripe,
    "SumStripes": lambda event, service: {"done": True, **asdict(service.sum(event["job_id"]))},
    "CutStripe": cut_stripe,
    "SealCutting": seal_cutting.handle,
    "FailCutting": fail_cutting.handle_failure,
}
