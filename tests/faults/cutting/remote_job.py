"""A remote job in the simulation: its objects, its start, and the executions that cut them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tailrace_consumers.adapters.body_reading import reading_bodies
from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_core.aws.calls import run
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.engines import Engine
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.identities import new_ulid
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.remote import RemoteSteps, read_input
from tailrace_core.submission.striping.request import SourceName
from tailrace_core.submission.submit_steps import SubmitSteps
from tests.faults.cutting.functions import SETTINGS, CuttingFunctions
from tests.faults.cutting.state_machine import Execution, StateFailedError, StateMachine
from tests.faults.dataset import Dataset
from tests.faults.injection import Crash, Process
from tests.faults.memory_aws import cloud as names
from tests.faults.memory_aws.errors import refusal
from tests.faults.simulation import Simulation, StuckError

STARTER = "starter"
PREFIX = "data/"
MACHINE = "arn:aws:states:memory-1:123456789012:stateMachine:cutting"
_TRIES = 8


class StepFunctions:
    """The service: executions by name, each once."""

    def __init__(self) -> None:
        self.started: dict[str, dict[str, Any]] = {}
        self.ended: set[str] = set()

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: A002, N803 boto3's names
        assert stateMachineArn == MACHINE
        if name in self.ended:
            raise refusal("ExecutionAlreadyExists", f"there is one: {name}", "StartExecution")
        self.started.setdefault(name, json.loads(input))
        return {"executionArn": f"{MACHINE.replace('stateMachine', 'execution')}:{name}"}


@dataclass
class RemoteJob:
    """A job whose objects are cut where they lie. ``seed`` draws the order of its tasks."""

    sim: Simulation
    data: Dataset
    options: SubmitOptions
    seed: str = ""
    rows_per_object: int = 100
    executions: int = 1
    """Executions that cut the job at the same time."""
    repeated: float = 0.0
    """Share of the calls of functions that happen twice."""
    replayed: float = 0.0
    """Share of the calls that come once more when the execution has ended."""
    meanwhile: float = 1.0
    """Share of the tasks before which the model and the other functions have their turn."""
    functions: CuttingFunctions = field(init=False)
    failures: list[StateFailedError] = field(default_factory=list)
    before: dict[str, Callable[[dict[str, Any]], object]] = field(default_factory=dict)
    """What happens before the calls of a function."""

    def __post_init__(self) -> None:
        self._source = random.Random(self.seed)
        self.functions = CuttingFunctions(self.sim)
        self._service = StepFunctions()
        self.sim.cloud.add_service("stepfunctions", self._service)
        self.job_id = ""

    def play(self) -> str:
        """Put the objects, start the job, and run all executions; return the job's id."""
        for number, body in enumerate(self._objects()):
            self.sim.cloud.s3.objects.pop(f"{PREFIX}{number:03d}.csv", None)
            self.sim.cloud.s3.write(f"{PREFIX}{number:03d}.csv", body, {})
        self.job_id = self._started()
        self.sim.jobs.append(self.job_id)
        machine = StateMachine(self._call, self._read, self._wait, self._source)
        given = {"job_id": self.job_id, "dry_run": False}
        going = [machine.execute(given) for _ in range(self.executions)]
        while going:
            execution = self._source.choice(going)
            if not self._step(execution):
                going.remove(execution)
        self._service.ended.add(self.job_id)
        self._replay()
        return self.job_id

    def deliver(self) -> None:
        """Deliver the result, of a job whose file arrived in the inbox."""

    def _objects(self) -> Iterator[bytes]:
        rows = self.data.rows
        for start in range(0, len(rows), self.rows_per_object):
            yield replace(self.data, rows=rows[start : start + self.rows_per_object]).text

    def _started(self) -> str:
        for _ in range(_TRIES):
            self.sim.schedule.begin(STARTER)
            process = Process(self.sim.cloud, STARTER, self.sim.schedule)
            execute = reading_bodies(process.retrying_executor(BotocoreExecutor(self.sim.cloud.client)))
            try:
                return self._start(execute)
            except Crash:
                continue
            except TailraceError as exc:
                self.sim.functions.errors.append((STARTER, exc))
        raise StuckError("the job is never started")

    def _start(self, execute: Any) -> str:
        resources = _Resources()
        submit = SubmitSteps(resources, now=self.sim.cloud.clock, new_id=new_ulid, submitted_by=None)
        remote = RemoteSteps(submit, resources, MACHINE)
        name = SourceName(bucket=names.BUCKET, key=PREFIX, is_prefix=True)
        source = run(read_input([name], HeaderPolicy.STRIP), execute)
        engine = Engine(self.options.via or self.sim.engine)
        session = run(remote.open(source, self.options, endpoint_name=names.ENDPOINT, engine=engine), execute)
        assert run(remote.launch(session, source, self.options), execute) is not None
        return session.job.job_id

    def _step(self, execution: Execution) -> bool:
        """Let the execution call a function; False if it has ended."""
        if self._source.random() < self.meanwhile:
            self.sim.pump()
        try:
            next(execution)
        except StopIteration:
            return False
        except StateFailedError as exc:
            self.failures.append(exc)
            return False
        return True

    def _call(self, name: str, event: dict[str, Any]) -> Any:
        if name in self.before:
            self.before[name](event)
        if self._source.random() < self.repeated:
            self._ignored(name, event)
        return self.functions.call(name, event)

    def _replay(self) -> None:
        """Call functions once more, as retries do that the service made before and lost."""
        for name, event in [each for each in self.functions.called if self._source.random() < self.replayed]:
            if name != "FailCutting" or self.failures:
                self._ignored(name, event)

    def _ignored(self, name: str, event: dict[str, Any]) -> None:
        try:
            self.functions.call(name, event)
        except StateFailedError:
            return

    def _read(self, key: str) -> bytes:
        return self.sim.cloud.s3.objects[key].body

    def _wait(self, seconds: float) -> None:
        self.sim.cloud.clock.advance(seconds)


class _Resources:
    bucket = SETTINGS.bucket
    table = SETTINGS.ledger_table
    results_topic = SETTINGS.results_topic
    transforms_queue = SETTINGS.transforms_queue

    @property
    def invocation_targets(self) -> Any:
        raise AssertionError("who starts a remote job invokes nothing")
