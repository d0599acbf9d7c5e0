"""A state machine that plays the steps of infra/cutting.yaml in this process, a phase for each look at it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tailrace.aws.connections import AwsConnection
from tailrace.sources.origins import S3Objects
from tailrace_consumers.adapters.s3_object_store import S3ObjectStore
from tailrace_consumers.adapters.s3_ranges import S3Ranges
from tailrace_consumers.files.count_stripe.service import CountStripe
from tailrace_consumers.files.cut_stripe.service import CutStripe
from tailrace_consumers.files.fail_cutting.service import FailCutting
from tailrace_consumers.files.list_stripes.service import ListStripes
from tailrace_consumers.files.seal_cutting.service import SealCutting
from tailrace_consumers.files.sum_stripes.service import SumStripes
from tailrace_consumers.settings import CuttingSettings
from tailrace_core.aws.calls import Call
from tailrace_core.errors import ConditionFailedError, NotFoundError, TailraceError
from tailrace_core.objects import keys
from tailrace_core.submission.striping.manifest import Stripe
from tailrace_core.submission.striping.reading import StripeStart
from tailrace_core.submission.striping.runs import run_from_dict

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:demo-cutting"


@dataclass
class Execution:
    """An execution, and what is left of it."""

    phases: Iterator[tuple[str, int]]
    status: str = "RUNNING"
    maps: dict[str, int] = field(default_factory=dict)
    """The stripes of each map so far, by its label."""
    in_map: bool = False
    output: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    cause: str = ""


class Functions:
    """The functions of the state machine, over an executor."""

    def __init__(self, bucket: str, table: str, topic: str, execute: Callable[[Call], Any]) -> None:
        settings = CuttingSettings(bucket=bucket, ledger_table=table, results_topic=topic)
        store, ranges = S3ObjectStore(bucket, execute), S3Ranges(execute)
        self._store = store
        self._listing = ListStripes(store, execute)
        self._counting = CountStripe(store, ranges.open)
        self._summing = SumStripes(store, ranges.open, reads_at_once=1)
        self._cutting = CutStripe(settings, execute, ranges.open, now=time.time, concurrency=1)
        self._sealing = SealCutting(settings, execute, now=time.time)
        self.failing = FailCutting(settings, execute, now=time.time)

    def phases(self, job_id: str, output: dict[str, Any], *, dry_run: bool) -> Iterator[tuple[str, int]]:
        """Do a phase, and yield the label of the next map and its stripes."""
        self._listing.list(job_id)
        stripes = self._lines(keys.stripes_key(job_id))
        yield "Count", len(stripes)
        for each in stripes:
            self._counting.count(job_id, run_from_dict(each, Stripe.from_dict), None, lambda: False)
        yield "", 0
        totals = self._summing.sum(job_id)
        output |= asdict(totals)
        if dry_run:
            return
        starts = self._lines(keys.stripe_starts_key(job_id))
        yield "Cut", len(starts)
        # The last stripe first: functions end in any order.
        for each in reversed(starts):
            self._cutting.cut(job_id, run_from_dict(each, StripeStart.from_dict), None, lambda: 900.0)
        yield "", 0
        self._sealing.seal(job_id, totals.rows_total)

    def _lines(self, key: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in b"".join(self._store.read(key)).splitlines()]


class PlayedMachine:
    """A connection whose Step Functions are played; everything else goes to ``connection``."""

    def __init__(self, connection: AwsConnection, bucket: str, table: str, topic: str) -> None:
        self._connection = connection
        self._functions = Functions(bucket, table, topic, connection.execute)
        self.executions: dict[str, Execution] = {}
        self.where = connection.where

    @property
    def objects(self) -> S3Objects:
        return self._connection.objects

    def prepare(self, services: Sequence[str]) -> None:
        self._connection.prepare(services)

    def boto3_client(self, service: str) -> Any:
        return self._connection.boto3_client(service)

    def read_body(self, call: Call) -> bytes:
        return self._connection.read_body(call)

    def close(self) -> None:
        self._connection.close()

    def execute(self, call: Call) -> Any:
        if call.service == "stepfunctions":
            return getattr(self, f"_{call.operation}")(**call.params)
        answer = self._connection.execute(call)
        if call.operation == "describe_stacks":
            for each in answer["Stacks"]:
                each["Outputs"].append({"OutputKey": "CuttingStateMachine", "OutputValue": MACHINE})
        return answer

    def _start_execution(self, stateMachineArn: str, name: str, input: str) -> Any:  # noqa: A002, N803 - AWS's names
        arn = f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"
        given = json.loads(input)
        if arn in self.executions and self.executions[arn].status != "RUNNING":
            raise ConditionFailedError("ExecutionAlreadyExists")
        if arn not in self.executions:
            output: dict[str, Any] = {}
            phases = self._functions.phases(given["job_id"], output, dry_run=given["dry_run"])
            self.executions[arn] = Execution(phases, output=output)
        return {"executionArn": arn}

    def _describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - as above
        if executionArn not in self.executions:
            raise NotFoundError("ExecutionDoesNotExist")
        execution = self.executions[executionArn]
        if execution.status == "RUNNING":
            self._go_on(executionArn.rpartition(":")[2], execution)
        found: dict[str, Any] = {"executionArn": executionArn, "status": execution.status}
        if execution.status == "SUCCEEDED":
            return found | {"output": json.dumps(execution.output)}
        return found | ({"error": execution.error, "cause": execution.cause} if execution.error else {})

    def _stop_execution(self, executionArn: str, cause: str) -> Any:  # noqa: N803 - as above
        execution = self.executions[executionArn]
        execution.status = "ABORTED"
        execution.phases = iter(())
        self._functions.failing.fail(executionArn.rpartition(":")[2], f"the execution was stopped ({cause})")

    def _go_on(self, job_id: str, execution: Execution) -> None:
        try:
            label, stripes = next(execution.phases)
            execution.in_map = bool(label)
            if label:
                execution.maps[label] = stripes
        except StopIteration:
            execution.status = "SUCCEEDED"
        except TailraceError as exc:
            execution.status, execution.error = "FAILED", type(exc).__name__
            execution.cause = json.dumps({"errorMessage": exc.message, "errorType": execution.error})
            self._functions.failing.fail(job_id, f"the input could not be cut: {exc.message}")

    def _list_map_runs(self, executionArn: str) -> Any:  # noqa: N803 - as above
        machine, _, name = executionArn.replace(":execution:", ":mapRun:").rpartition(":")
        return {"mapRuns": [{"mapRunArn": f"{machine}/{label}:{name}"} for label in self.executions[executionArn].maps]}

    def _describe_map_run(self, mapRunArn: str) -> Any:  # noqa: N803 - as above
        label, _, name = mapRunArn.rpartition("/")[2].partition(":")
        execution = next(each for arn, each in self.executions.items() if arn.endswith(name))
        runs = execution.in_map and label == list(execution.maps)[-1]
        stripes = execution.maps[label]
        counts = {"succeeded": 0 if runs else stripes, "total": stripes}
        return {"status": "RUNNING" if runs else "SUCCEEDED", "itemCounts": counts}
