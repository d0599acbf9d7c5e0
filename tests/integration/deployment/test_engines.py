"""One stack that goes through every kind of endpoint, and the same file by each way to infer."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from tailrace_core.jobs.model import Job, JobState
from tests.integration.deployment.inventory import inventory
from tests.integration.deployment.models import DemoModel
from tests.integration.deployment.stacks import TIMEOUT_S, UNWATCHED, Stack
from tests.integration.local.polling import eventually
from tests.integration.pipeline.demand_rows import Row, csv_bytes, demand_rows

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

ROWS, BAD = 20_000, 20
CLEAN = 3_000
# A minute takes a second: instances are added and removed within seconds.
TIME_SCALE = 1 / 60
MINUTE_S = 60 * TIME_SCALE
INSTANCES = 2
ENDPOINTS = {"async": "Endpoint", "realtime": "RealtimeEndpoint", "serverless": "ServerlessEndpoint"}
REALTIME = {
    "EndpointKind": "realtime", "BatchTransform": "true", "MinInstanceCount": "1", "MaxInstanceCount": "2",
    "InvocationsPerInstance": "3",
}  # fmt: skip
SERVERLESS = {
    "EndpointKind": "serverless", "BatchTransform": "false", "MinInstanceCount": "0", "MaxInstanceCount": "0",
    "ModelNetworkIsolation": "false",
}  # fmt: skip


def rows_with_bad_ones() -> list[Row]:
    """Return rows of which `BAD` are refused by the model alone, a run of five in each of four chunks."""
    rows = demand_rows(ROWS, seed=16)
    for number in range(BAD):
        rows[(number // 5) * 5_000 + 1_700 + number % 5][4] = "cheap"
    return rows


@dataclass(frozen=True)
class Outcome:
    """What a job left behind: its end, its parts and rejects byte for byte, and the joined file."""

    job: Job
    parts: dict[str, bytes]
    joined: bytes

    def in_order(self) -> bytes:
        """Return the parts one after another, without rejects."""
        return b"".join(self.parts[name] for name in sorted(self.parts) if name.startswith("parts/"))


@dataclass
class Seen:
    """The outcomes by engine, the endpoints by kind, and the counts of instances that were seen."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    endpoints: dict[str, list[str]] = field(default_factory=dict)
    updates: dict[str, str] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    left: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def seen(blank: Stack, demo: DemoModel) -> Seen:
    stack, found, content = blank.beside("engines"), Seen(), csv_bytes(rows_with_bad_ones())
    before, clean = inventory(stack.cloud), csv_bytes(demand_rows(CLEAN, seed=17))
    with stack.cloud.time_scaled(TIME_SCALE):
        stack.deploy({**demo.parameters(), **UNWATCHED, **REALTIME})
        found.endpoints["realtime"] = endpoints(stack)
        found.counts = scaled(stack)
        found.outcomes["realtime"] = scored(stack, content)
        found.outcomes["transform"] = scored(stack, content, "transform")
        # SageMaker deletes no endpoint while it scales.
        eventually(lambda: stack.endpoint()["EndpointStatus"] == "InService", what="an endpoint at rest")
        for kind, parameters in {"serverless": SERVERLESS, "async": {}, "none": {}}.items():
            found.updates[kind] = stack.change(**{"EndpointKind": kind, **parameters})
            found.endpoints[kind] = endpoints(stack)
            # Without an endpoint each halving of a chunk is a round, and rounds take their time.
            found.outcomes[kind] = scored(stack, clean if kind == "none" else content)
    kept = {f"bucket {stack.outputs['Bucket']}", f"table {stack.outputs['LedgerTable']}"}
    stack.delete()
    found.left = inventory(stack.cloud) - before - kept
    return found


def endpoints(stack: Stack) -> list[str]:
    return sorted(stack.resources("AWS::SageMaker::Endpoint"))


def watched(stack: Stack, counts: list[int]) -> int:
    """Return the number of instances in service, and note it when it changed."""
    (variant,) = stack.endpoint()["ProductionVariants"]
    count = int(variant["CurrentInstanceCount"])
    if not counts or counts[-1] != count:
        counts.append(count)
    return count


def invoked(stack: Stack, times: int = 1) -> None:
    """Invoke the endpoint with one row, some times in turn."""
    row = csv_bytes(demand_rows(1), header=None)
    for _ in range(times):
        stack.cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=stack.outputs["EndpointName"], Body=row, ContentType="text/csv"
        )


def scaled(stack: Stack) -> list[int]:
    """Invoke the endpoint often until it has two instances, then seldom until it has one; return the counts seen.

    Without traffic it would keep them: SageMaker publishes no metric then, and scaling in needs one.
    """
    counts: list[int] = []
    last = 0.0

    def busy() -> bool:
        invoked(stack, 10)
        return watched(stack, counts) == INSTANCES

    def seldom() -> bool:
        nonlocal last
        if time.monotonic() - last > MINUTE_S / 2:
            last = time.monotonic()
            invoked(stack)
        return watched(stack, counts) == 1

    assert watched(stack, counts) == 1
    eventually(busy, within_s=TIMEOUT_S, what="two instances")
    eventually(seldom, within_s=TIMEOUT_S, what="one instance again")
    return counts


def scored(stack: Stack, content: bytes, via: str | None = None) -> Outcome:
    """Run a job; without ``via`` it takes the stack's own way."""
    options: dict[str, Any] = {} if via is None else {"via": via}
    with stack.client() as client:
        submitted = client.submit("-", stdin=io.BytesIO(content), chunk_rows=1000, **options)
        job = client.wait(submitted.job_id, timeout_s=TIMEOUT_S)
        written = io.BytesIO()
        client.download(job.job_id, written)
    s3, bucket = stack.cloud.client("s3"), stack.outputs["Bucket"]
    parts = {
        found["Key"].removeprefix(f"v1/jobs/{job.job_id}/"): s3.get_object(Bucket=bucket, Key=found["Key"])[
            "Body"
        ].read()
        for folder in ("parts", "rejects")
        for page in s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"v1/jobs/{job.job_id}/{folder}/"
        )
        for found in page.get("Contents", [])
    }
    return Outcome(job, parts, written.getvalue())


@pytest.mark.parametrize("engine", ["async", "realtime", "serverless", "transform"])
def test_each_way_to_infer_accounts_for_every_row(seen: Seen, engine: str) -> None:
    job = seen.outcomes[engine].job
    assert (job.state, job.rows_total) == (JobState.COMPLETED_WITH_REJECTS, ROWS)
    assert (job.rows_scored, job.rows_rejected) == (ROWS - BAD, BAD)


def test_a_stack_without_an_endpoint_takes_transform_jobs_without_being_told(seen: Seen) -> None:
    job = seen.outcomes["none"].job
    assert (job.state, job.rows_scored) == (JobState.COMPLETED, CLEAN)


@pytest.mark.parametrize("engine", ["realtime", "serverless", "transform"])
def test_each_way_to_infer_gives_the_parts_of_an_asynchronous_endpoint_byte_for_byte(seen: Seen, engine: str) -> None:
    # Where a chunk with bad rows is halved depends on what else fails at that time, so the parts are
    # compared one after another.
    assert seen.outcomes[engine].in_order() == seen.outcomes["async"].in_order()
    assert seen.outcomes[engine].joined == seen.outcomes["async"].joined


def test_another_kind_makes_another_endpoint_and_removes_the_one_before(seen: Seen) -> None:
    assert set(seen.updates.values()) == {"UPDATE_COMPLETE"}
    assert seen.endpoints == {kind: [name] for kind, name in ENDPOINTS.items()} | {"none": []}


def test_a_real_time_endpoint_scales_on_invocations_and_back(seen: Seen) -> None:
    assert seen.counts == [1, 2, 1]


def test_a_stack_of_any_kind_leaves_its_data_alone_behind(seen: Seen) -> None:
    logs = ("log group /aws/sagemaker/Endpoints/", "log group /aws/sagemaker/TransformJobs")
    assert {each for each in seen.left if not each.startswith(logs)} == set()
