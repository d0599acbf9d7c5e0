"""Stacks in memory whose rows, reasons, keys, names and messages would control a terminal."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from typing import Any

from tailrace.cli.application import run
from tailrace.cli.environment import Environment, Target
from tailrace.client import Tailrace
from tailrace_core.submission.options import SubmitOptions
from tests.faults import model
from tests.faults.endpoint import Endpoint, Request
from tests.faults.memory_aws import cloud as names
from tests.faults.simulation import Simulation
from tests.unit.producer.doctor.account import ID, ROLE, Account, Connection

HOSTILE = "\x1b[2J\x9b31m\u202egpj.exe\u2066\u2028\x7f\r\nforged: line"
"""Clears the screen, colors by a C1 sequence, turns text around and begins a line of its own."""
COLUMN = "id\x1b[2J\x9b\u202e"
"""A column's name, without line ends, as options take names from one line."""
HEADER = f'"{COLUMN}",x\n'
INPUT = (HEADER + "".join(f'"{row}{HOSTILE}",{value}\n' for row, value in enumerate("12345"))).encode()
BAD_INPUT = INPUT.replace(b",3\n", b",poison\n")


class HostileEndpoint(Endpoint):
    """An endpoint whose failures have hostile reasons and words."""

    def _score(self, request: Request) -> model.Answered | model.Refused:
        said = super()._score(request)
        if isinstance(said, model.Answered):
            return said
        # Early in the reason, as tables show its beginning only.
        reason = said.reason.replace("See", f"{HOSTILE} See")
        return replace(said, reason=reason, body=said.body + HOSTILE.encode())


OFFLINE = frozenset({"prepare", "score"})
"""Commands that make no AWS call."""


@dataclass(frozen=True)
class HostileOutputs:
    """CloudFormation, which reports an output of a hostile name and value beside the stack's own."""

    inner: Any

    def describe_stacks(self, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.inner.describe_stacks(**params)
        answer["Stacks"][0]["Outputs"].append(
            {"OutputKey": f"{HOSTILE}DeadLetterQueue", "OutputValue": f"{names.FAILED}-dead"}
        )
        return answer


def _interrupt(_: str) -> None:
    """Press Ctrl-C as soon as a browser would be opened."""
    raise KeyboardInterrupt


class Screen(io.BytesIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Shown:
    """The output of a command."""

    code: int
    out: bytes
    err: str


@dataclass
class HostileStack:
    """A simulation, and a job in it."""

    sim: Simulation
    job_id: str
    stdin: bytes = b""
    errors: list[BaseException] = field(default_factory=list)
    """Raised by the connection instead of connecting."""

    @classmethod
    def submitted(cls, text: bytes, options: SubmitOptions) -> HostileStack:
        """Submit a job to a new stack."""
        sim = Simulation(operator=False)
        sim.endpoint = HostileEndpoint(sim.cloud)
        sim.cloud.add_service("sagemaker-runtime", sim.endpoint)
        sim.cloud.add_service("cloudformation", HostileOutputs(sim.cloud.client("cloudformation")))
        return cls(sim, sim.submit_until_done(text, options, meanwhile=False))

    @classmethod
    def parked(cls) -> HostileStack:
        """Run a job until its chunks are parked; hostile messages lie in the queues."""
        stack = cls.submitted(INPUT, SubmitOptions(keep=[COLUMN], chunk_rows=2, job_key="k", split_budget=0))
        sim = stack.sim
        sim.endpoint.down = True
        for _ in range(200):
            sim.pump()
            if all(each.parked for each in sim.leaves(stack.job_id)):
                break
            sim.wait()
        else:
            raise AssertionError("the chunks are never parked")
        for queue in (names.PARKED, f"{names.FAILED}-dead"):
            sim.cloud.sqs.send_message(QueueUrl=queue, MessageBody=HOSTILE)
        return stack

    @classmethod
    def finished(cls) -> HostileStack:
        """Run a job with a bad row to its end."""
        stack = cls.submitted(BAD_INPUT, SubmitOptions(keep=[COLUMN], chunk_rows=2, job_key="k"))
        stack.sim.drain()
        stack.sim.cloud.sqs.send_message(QueueUrl=names.RESULTS, MessageBody=json.dumps({"type": HOSTILE}))
        return stack

    def run(self, *arguments: str, terminal: bool = False) -> Shown:
        """Run a command, with standard output piped or on a terminal."""
        out = Screen() if terminal else io.BytesIO()
        err = io.StringIO()
        environment = Environment(
            connect=self._connect,
            reach=self._reach,
            stdin=io.BytesIO(self.stdin),
            stdout=out,
            stderr=err,
            open_browser=_interrupt,
        )
        stack = () if arguments[0] in OFFLINE else ("--stack", "stack")
        code = run([*arguments, *stack], environment)
        return Shown(code, out.getvalue(), err.getvalue())

    def _connect(self, _: Target) -> Tailrace:
        if self.errors:
            raise self.errors[0]
        return self.sim.producer("operator")[1]

    def _reach(self, _: Target) -> Connection:
        if self.errors:
            raise self.errors[0]
        account = Account()
        account.endpoint |= {"EndpointStatus": "Failed", "FailureReason": HOSTILE}
        # Without a date the report does not depend on the clock.
        account.answers["sts.get_caller_identity"] = lambda _: {"Arn": ROLE, "Account": ID}
        account.answers["logs.get_log_events"] = lambda _: {"events": [{"message": HOSTILE}]}
        account.answers["sagemaker.describe_auto_ml_job_v2"] = lambda asked: {
            "AutoMLJobName": asked["AutoMLJobName"],
            "AutoMLJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:automl-job/sales",
            "AutoMLJobStatus": "Completed",
            "AutoMLJobSecondaryStatus": "Completed",
            "PartialFailureReasons": [{"PartialFailureMessage": HOSTILE}],
        }
        account.answers["sagemaker.list_candidates_for_auto_ml_job"] = lambda _: {
            "Candidates": [{"CandidateName": HOSTILE, "CandidateStatus": "Completed"}]
        }
        return Connection(account)
