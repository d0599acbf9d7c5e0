"""Rounds on a deployed stack of their own, until the time is over or one ends wrongly."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from tailrace_core.errors import TailraceError
from tests.faults.deployed.faulty_cloud import faulty_cloud
from tests.faults.deployed.rounds import Round, RoundRunner

LAST_S = 900.0
"""Longest delay of a message in a queue, in seconds."""
_COMPLAINTS = 20


def play_on(seconds: float, seed: str, only: int | None) -> int:
    """Play rounds until the time is over or one ends wrongly; return 1 for the latter."""
    with (
        tempfile.TemporaryDirectory(prefix="tailrace-torture-") as folder,
        faulty_cloud(Path(folder) / "state") as driver,
    ):
        runner = RoundRunner(driver, Path(folder))
        until = time.monotonic() + seconds
        number = 0 if only is None else only
        while time.monotonic() < until:
            if not _play(runner, seed, number):
                return 1
            if only is not None:
                break
            number += 1
        # Wait for the delayed retries of ended jobs, which have no effect.
        runner.rest(LAST_S, delayed=True)
        print(runner.summary())
    return 0


def _play(runner: RoundRunner, seed: str, number: int) -> bool:
    played = Round.of(f"{seed}:{number}")
    begun = time.monotonic()
    try:
        runner.play(played)
    except (AssertionError, TailraceError) as exc:
        again = f"make torture DEPLOYED=1 SEED={seed} ONLY={number}"
        print(f"round {number} ended wrongly: {exc}\n{played}\n{_log_of(runner)}\nreplay it: {again}")
        return False
    runner.totals["rounds"] += 1
    print(f"round {number}: {len(played.jobs)} jobs, {time.monotonic() - begun:.0f} s", flush=True)
    return True


def _log_of(runner: RoundRunner) -> str:
    """Collect every injected fault and the functions' errors."""
    log: dict[str, list[dict[str, Any]]] = runner.admin.log()
    faults = [str(entry) for entries in log.values() for entry in entries]
    logs = (runner.driver.cloud.state_dir / "logs" / "functions").glob("*.log")
    complaints = [line for path in logs for line in path.read_text().splitlines() if '"ERROR"' in line]
    return "\n".join([*faults, *complaints[-_COMPLAINTS:]])
