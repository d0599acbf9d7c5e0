"""Producer processes that are killed during their work."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tailrace_core.jobs.model import JobState
from tests.faults.deployed.cloud_driver import CloudDriver, polling
from tests.faults.deployed.random_jobs import RandomJob

_LOOK_S = 0.02
_TIMEOUT_S = 240.0


def submit(driver: CloudDriver, job: RandomJob, source: Path, key: str | None) -> str:
    """Submit, or resume a submit; return the job's id."""
    return driver.client.submit(str(source), replace(job.options, job_key=key)).job_id


def kill_while_submitting(driver: CloudDriver, job: RandomJob, key: str) -> bool:
    """Submit by the command, and kill it once enough chunks are recorded.

    Returns whether the job was in ``submitting`` then. The input's last byte is withheld, so that
    the command cannot end before the poll sees the chunks.
    """
    rows, limit = len(job.input.rows), job.options.chunk_rows
    enough = min(int(0.8 * job.interrupt_at * -(-rows // limit)) + 1, (rows - 1) // limit)
    with subprocess.Popen(
        _command(driver, job, key),
        env={**os.environ, **driver.cloud.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(job.input.text[:-1])
            process.stdin.flush()
            for _ in polling(
                f"the producer of {key} to record {enough} chunks, or to end", _TIMEOUT_S, every_s=_LOOK_S
            ):
                if process.poll() is not None or _recorded(driver, key) >= enough:
                    break
        finally:
            process.kill()
    found = driver.ledger.find_job_key(key)
    return found is not None and driver.client.status(found[0]).state is JobState.SUBMITTING


def _recorded(driver: CloudDriver, key: str) -> int:
    """Count the recorded chunks; -1 while there is no job."""
    found = driver.ledger.find_job_key(key)
    return -1 if found is None else sum(1 for _ in driver.ledger.chunks(found[0]))


def _command(driver: CloudDriver, job: RandomJob, key: str) -> list[str]:
    options = job.options
    return [
        str(Path(sys.executable).with_name("tailrace")),
        *("submit", "-", "--stack", driver.cloud.facts.stack, "--job-key", key),
        *("--header", options.header, "--chunk-rows", str(options.chunk_rows), "--window", str(options.window)),
        *(("--keep", ",".join(job.input.keep)) if job.input.keep else ()),
        *(("--max-rejects", str(options.max_rejects)) if options.max_rejects is not None else ()),
        *(("--split-budget", str(options.split_budget)) if options.split_budget is not None else ()),
        *(("--na", ",".join(options.na)) if options.na else ()),
        *("--canaries", str(options.canaries), "--on-parked", options.on_parked),
        *("--concurrency", "1"),
    ]
