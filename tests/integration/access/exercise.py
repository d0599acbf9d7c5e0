"""One job that exercises every function, the endpoint and a producer, through the queues."""

from __future__ import annotations

from pathlib import Path

from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tailrace_local.demo.demand import COLUMNS
from tailrace_local.testing import RunningCloud
from tests.integration.access.identities import Person
from tests.integration.pipeline.command import Finished, tailrace
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

_MISALIGNED, _FAILS_ONCE = "Misaligned", "Fails Once"
_PLAN = CloudFaultPlan.read(
    """{"sagemaker": {"rules": [
        {"when": {"row": "Misaligned"}, "do": {"kind": "spoil_output", "how": "drop_last"}},
        {"when": {"row": "Fails Once", "limit": 1}, "do": {"kind": "status", "status": 500}}
    ]}}"""
)


def finished_job(cloud: RunningCloud, producer: Person, folder: Path) -> str:
    """Run a job with kept columns that ends with rejected rows; return its id.

    One row the model refuses, for one it answers nothing, eight cannot be sent, and one chunk is
    answered at the second try.
    """
    rows = [[f"k{index}", *row] for index, row in enumerate(demand_rows(24, seed=5))]
    rows[2][6] = "cheap"  # a price that is no number
    rows[10][3], rows[18][3] = _MISALIGNED, _FAILS_ONCE
    source = folder / "rejects.csv"
    source.write_bytes(csv_bytes(rows, header=("key", *COLUMNS)) + b"ragged\n" * 8)
    faults = FaultAdmin(cloud.own_url, cloud.token)
    faults.set(_PLAN)
    try:
        done = _run(
            cloud, producer, "submit", source, "--keep", "key", "--chunk-rows", "8", "--output", folder / "scored.csv"
        )
    finally:
        faults.clear()
    assert done.code == 3, done.stderr
    job: str = done.json["job_id"]
    rejects = _run(cloud, producer, "rejects", job)
    assert len(rejects.json_lines) == 2 + 8, rejects.stdout
    return job


def _run(cloud: RunningCloud, producer: Person, *arguments: str | Path) -> Finished:
    command = (*arguments, "--stack", cloud.facts.stack, "--json")
    return tailrace(cloud, *command, environment=producer.environment)
