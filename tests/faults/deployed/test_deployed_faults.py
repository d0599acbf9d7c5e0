"""Whole jobs over the deployed stack while its endpoint and its functions misbehave."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from tailrace_core.jobs import ChunkState, JobState
from tailrace_core.ranges import RowRange, first_gap
from tailrace_local.fault_admin import CloudFaultPlan, FaultAdmin
from tests.faults.deployed.passing_time import Watch
from tests.integration.pipeline.demand_rows import Row, ask_model, csv_bytes, demand_rows, read_csv

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

SEED = int(os.environ.get("TAILRACE_FAULT_SEED", "20260101"))
SIX_HOURS_S = 6 * 3600.0 + 2 * 900.0 + 60.0
UNCONFIRMED_S = 400.0


def bad_row() -> Row:
    return ["1062", "Beverages", "no price", "110", "cheap", "0", "0", "2018-01-01"]


def rule(what: str | dict[str, Any], **when: Any) -> dict[str, Any]:
    return {"when": when, "do": {"kind": what} if isinstance(what, str) else what}


def expected(watch: Watch, rows: list[Row], bad: set[int]) -> list[list[str]]:
    good = [index for index in range(len(rows)) if index not in bad]
    answers = dict(zip(good, ask_model(watch.cloud.model_url, [rows[index] for index in good]), strict=True))
    return [[answers.get(index, "")] for index in range(len(rows))]


def check(watch: Watch, job_id: str, rows: list[Row], bad: set[int], folder: Path) -> None:
    """The end state: rows add up and tile, each stands in its place, exactly the bad ones are rejected."""
    job = watch.client.status(job_id)
    assert (job.rows_total, job.rows_scored, job.rows_rejected) == (len(rows), len(rows) - len(bad), len(bad))
    leaves = [chunk for chunk in watch.chunks(job_id) if chunk.state.leaf]
    assert all(chunk.state in {ChunkState.SCORED, ChunkState.REJECTED} for chunk in leaves)
    assert first_gap((chunk.range for chunk in sorted(leaves, key=lambda chunk: chunk.range)), len(rows)) is None
    assert watch.client.download(job_id, folder / "scored.csv") == len(rows)
    assert read_csv((folder / "scored.csv").read_bytes())[1:] == expected(watch, rows, bad)
    assert {reject.row for reject in watch.client.rejects(job_id)} == bad


def split_tree_nodes(rows: RowRange, bad: set[int]) -> int:
    """What an oracle that knows the bad rows invokes, halving whatever holds one, beyond the first for the range."""
    if rows.rows == 1 or not any(rows.first_row <= row < rows.end for row in bad):
        return 0
    halves = rows.split_at(rows.first_row + rows.rows // 2)
    return 2 + sum(split_tree_nodes(half, bad) for half in halves)


def test_fifty_bad_rows_in_fifty_thousand_cost_fifty_rows(watch: Watch, tmp_path: Path) -> None:
    rows = demand_rows(50_000, SEED)
    bad = set(random.Random(SEED).sample(range(len(rows)), 50))
    for index in bad:
        rows[index] = bad_row()
    source = tmp_path / "input.csv"
    source.write_bytes(csv_bytes(rows))

    job_id = watch.client.submit(str(source), chunk_rows=5_000).job_id
    job = watch.until_final(job_id, timeout_s=400)

    assert job.state is JobState.COMPLETED_WITH_REJECTS
    check(watch, job_id, rows, bad, tmp_path)
    chunks = watch.chunks(job_id)
    oracle = sum(split_tree_nodes(RowRange(first, 5_000), bad) for first in range(0, len(rows), 5_000))
    beyond = sum(chunk.attempt for chunk in chunks) - 10
    print(f"50 bad rows in 50,000: {beyond} invocations beyond the 10 chunks', the oracle's {oracle}")
    assert beyond <= 1.3 * oracle


def test_without_any_notification_the_reconciler_alone_finishes_the_job(
    watch: Watch, faults: FaultAdmin, tmp_path: Path
) -> None:
    rows = demand_rows(12, SEED + 1)
    rows[5] = bad_row()
    source = tmp_path / "input.csv"
    source.write_bytes(csv_bytes(rows))
    faults.set(CloudFaultPlan.model_validate({"sagemaker": {"rules": [rule("drop")]}}))

    job_id = watch.client.submit(str(source), chunk_rows=4).job_id
    # Minutes, not the time to live: each round is one look of the reconciler, five minutes after the one before.
    job = watch.until_final(job_id, timeout_s=240, aging_s=300.0, every_s=3.0)

    assert job.state is JobState.COMPLETED_WITH_REJECTS
    check(watch, job_id, rows, {5}, tmp_path)


def test_a_job_comes_out_right_while_everything_misbehaves(watch: Watch, faults: FaultAdmin, tmp_path: Path) -> None:
    rows = demand_rows(3_000, SEED + 2)
    bad = set(random.Random(SEED).sample(range(len(rows)), 3))
    for index in bad:
        rows[index] = bad_row()
    source = tmp_path / "input.csv"
    source.write_bytes(csv_bytes(rows))
    endpoint = [
        rule("refuse", rate=0.1),
        rule("lose", rate=0.05),
        rule({"kind": "status", "status": 503}, rate=0.1, inference_id=r"\.1$"),
        # A spoilt output of one row alone would be that row's rejection, and rightly so.
        rule({"kind": "spoil_output", "how": "drop_middle"}, rate=0.1, inference_id=r"\.100\.\d+$"),
        rule("drop", rate=0.1),
        rule({"kind": "duplicate", "times": 2, "after_s": 0.5}, rate=0.3),
        rule({"kind": "delay", "seconds": 0.5, "spread_s": 2.0}, rate=0.3),
        rule("replay", rate=0.1),
    ]
    functions = [
        rule("kill_after", rate=0.01, limit=4),
        rule("kill_before", rate=0.01, limit=4),
        rule("lose_reply", rate=0.02, limit=10),
        rule("unreachable", rate=0.02, limit=10),
    ]
    plan = {"seed": SEED, "sagemaker": {"rules": endpoint}, "functions": {"rules": functions}}
    faults.set(CloudFaultPlan.model_validate(plan))

    job_id = watch.client.submit(str(source), chunk_rows=100).job_id
    job = watch.until_final(job_id, timeout_s=400, aging_s=SIX_HOURS_S, every_s=10.0)

    print("faults done:", {name: shown.get("counts") or shown.get("counters") for name, shown in faults.show().items()})
    assert job.state is JobState.COMPLETED_WITH_REJECTS
    check(watch, job_id, rows, bad, tmp_path)
    depths = watch.depths()
    assert {name: count for name, count in depths.items() if name.endswith("DeadLetterQueue") and count} == {}
    assert depths["ParkedQueue"] == 0
