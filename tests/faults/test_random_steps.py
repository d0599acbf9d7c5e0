"""Random steps of a simulation, drawn by hypothesis.

The invariants hold after each step, and without further faults the simulation ends correctly.
"""

from __future__ import annotations

import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tailrace_core.errors import TailraceError
from tailrace_core.jobs.model import JobState
from tailrace_core.submission.options import SubmitOptions
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.functions import CONSUMERS
from tests.faults.injection import Crash, Fault, FaultKind, Schedule
from tests.faults.memory_aws import cloud as names
from tests.faults.simulation import Simulation

VALUES = st.lists(
    st.sampled_from([b"1", b"22", b"333", b"poison", b"swallow", b"flaky", b"5,5"]), min_size=1, max_size=6
)
FORGED = st.sampled_from(["stranger", "elsewhere", "garbage", "huge", "no location", "test"])
ROLES = st.sampled_from(sorted(CONSUMERS))
MAX_JOBS = 3
DEADLINE_S = 86_400


class Steps(RuleBasedStateMachine):
    """Every kind of event, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.sim = Simulation(Schedule())
        self.started: dict[str, Dataset] = {}
        self.windows: dict[str, int] = {}
        self.found: dict[str, str] = {}
        self.early: set[str] = set()
        self.forged: set[str] = set()
        self.passed_s = 0.0

    # -- what users do

    @precondition(lambda self: len(self.started) < MAX_JOBS)
    @rule(values=VALUES, window=st.integers(0, 2))
    def submit(self, values: list[bytes], window: int) -> None:
        key = f"k{len(self.started)}"
        self.windows[key] = window
        self.started[key] = Dataset.of(*values)
        self._submit(key)

    @precondition(lambda self: self.started)
    @rule(at=st.integers(0, MAX_JOBS))
    def submit_again(self, at: int) -> None:
        self._submit(sorted(self.started)[at % len(self.started)])

    @precondition(lambda self: self.found)
    @rule(at=st.integers(0, MAX_JOBS))
    def cancel(self, at: int) -> None:
        key = sorted(self.found)[at % len(self.found)]
        self.early.add(key)
        _, client = self.sim.producer()
        try:
            client.cancel(self.found[key])
        except (Crash, TailraceError):
            # A cancel fails only at an injected fault; the user repeats it.
            if not self.sim.schedule.fired:
                raise

    def _submit(self, key: str) -> None:
        options = SubmitOptions(
            keep="id", chunk_rows=3, job_key=key, request_ttl_s=600, invocation_timeout_s=60, window=self.windows[key]
        )
        job_id = self.sim.submit(self.started[key].text, options)
        if job_id is not None:
            self.found[key] = job_id

    # -- what the service and the functions do

    @precondition(lambda self: self.sim.endpoint.backlog)
    @rule(at=st.integers(0, 9), notifications=st.integers(0, 3))
    def answer(self, at: int, notifications: int) -> None:
        self.sim.endpoint.process(at % len(self.sim.endpoint.backlog), notifications=notifications)

    @precondition(lambda self: self.sim.endpoint.backlog)
    @rule()
    def lose_a_request(self) -> None:
        self.sim.endpoint.backlog.pop()

    @rule(role=ROLES, batch=st.integers(1, 10))
    def deliver(self, role: str, batch: int) -> None:
        self.sim.functions.deliver(role, batch)

    @rule(queue=st.sampled_from([names.SUCCEEDED, names.FAILED, names.RETRIES]))
    def deliver_again(self, queue: str) -> None:
        for message in self.sim.cloud.queue(queue).messages.values():
            message.visible_at = self.sim.cloud.clock()

    @rule(queue=st.sampled_from([names.SUCCEEDED, names.FAILED, names.RETRIES]))
    def redrive(self, queue: str) -> None:
        self.redrive_all(queue)

    @rule(kind=FORGED, queue=st.sampled_from([names.SUCCEEDED, names.FAILED]), at=st.integers(0, 9))
    def forge(self, kind: str, queue: str, at: int) -> None:
        body = self._forged(kind, queue == names.SUCCEEDED, at)
        self.forged.add(body)
        self.sim.cloud.sqs.send_message(QueueUrl=queue, MessageBody=body)

    def _forged(self, kind: str, succeeded: bool, at: int) -> str:  # noqa: FBT001 the purpose of the queue
        if kind == "garbage":
            return '{"eventName": 7'
        if kind == "test":
            return json.dumps({"eventName": "TestNotification", "eventSource": "aws:sagemaker"})
        accepted = self.sim.endpoint.accepted
        known = accepted[at % len(accepted)].inference_id if accepted else "01ARZ3NDEKTSV4RRFFQ69G9999.0.3.1"
        message: dict[str, object] = {
            "eventName": "InferenceResult",
            "invocationStatus": "Completed" if succeeded else "Failed",
            "inferenceId": "01ARZ3NDEKTSV4RRFFQ69G9998.0.3.1" if kind == "stranger" else known,
        }
        field = "outputLocation" if succeeded else "failureLocation"
        message["responseParameters"] = {field: "s3://elsewhere/v1/outputs/x.out"}
        if kind == "huge":
            message["responseParameters"] = {field: "s3://bucket/" + "x" * 100_000}
        if kind == "no location" and succeeded:
            # It could be true: it must act like a true one, and not touch a chunk without an
            # answer.
            del message["responseParameters"]
        return json.dumps(message)

    # -- time and accidents

    @rule()
    def tick(self) -> None:
        self.sim.functions.tick()

    @rule(seconds=st.sampled_from([60, 721, 3_600, 20_000]))
    def let_time_pass(self, seconds: int) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: int) -> None:
        self.passed_s += seconds
        self.sim.cloud.clock.advance(seconds)

    @rule()
    def jump_past_all_deadlines(self) -> None:
        self.pass_time(DEADLINE_S)

    @rule(ahead=st.integers(0, 25), kind=st.sampled_from(list(FaultKind)))
    def accident(self, ahead: int, kind: FaultKind) -> None:
        schedule = self.sim.schedule
        schedule.faults = (*schedule.faults, Fault(len(schedule.calls) + ahead, kind))

    def teardown(self) -> None:
        self.sim.schedule.faults = ()
        for key in sorted(self.started):
            self._submit(key)
        for queue, _ in CONSUMERS.values():
            self.redrive_all(queue)
        self.sim.drain()
        for queue, _ in CONSUMERS.values():
            dead = self.sim.cloud.queue(f"{queue}-dead").messages
            for message in [each for each in dead.values() if each.body in self.forged]:
                del dead[message.message_id]
            self.redrive_all(queue)
        self.sim.drain()
        for key, job_id in self.found.items():
            self._judge(key, job_id)

    def redrive_all(self, queue: str) -> None:
        """Redrive the dead letters, except those that can never be handled."""
        dead = self.sim.cloud.queue(f"{queue}-dead").messages
        for message in list(dead.values()):
            if message.body not in self.forged:
                self.sim.cloud.sqs.send_message(QueueUrl=queue, MessageBody=message.body)
                del dead[message.message_id]

    def _judge(self, key: str, job_id: str) -> None:
        state, data = self.sim.job(job_id).state, self.started[key]
        allowed = {data.final_state}
        allowed |= {JobState.CANCELLED} if key in self.early else set()
        # Recovery takes time too, at most hours: the reconciler and the operator wait.
        allowed |= {JobState.EXPIRED} if self.passed_s > DEADLINE_S / 2 else set()
        check(self.sim, job_id, data, expected=state if state in allowed else data.final_state)


TestRandomSteps = Steps.TestCase
TestRandomSteps.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
