"""Progress is live on a terminal, and plain where it is piped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailrace_local.testing import RunningCloud
from tests.integration.pipeline.command import tailrace
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows
from tests.integration.pipeline.terminal import on_terminal

pytestmark = pytest.mark.cloud

ESCAPE = "\x1b["


def test_a_person_sees_progress_a_live_view_and_the_next_commands(cloud: RunningCloud, tmp_path: Path) -> None:
    source = tmp_path / "sales.csv"
    source.write_bytes(csv_bytes(demand_rows(900, seed=7)))
    stack = ("--stack", cloud.facts.stack)
    submitted = on_terminal(cloud, "submit", source, *stack, "--chunk-rows", "100", "--name", "nightly sales")
    job_id = submitted.stdout.decode().strip()
    assert submitted.code == 0
    assert f"tailrace watch {job_id}" in submitted.terminal

    watched = on_terminal(cloud, "watch", job_id, *stack)
    assert watched.code == 0
    assert ESCAPE in watched.terminal
    assert "nightly sales" in watched.terminal
    assert "chunks in flight" in watched.terminal
    assert b"900 of 900 rows scored" in watched.stdout
    assert ESCAPE.encode() not in watched.stdout

    piped = tailrace(cloud, "watch", job_id, *stack)
    assert piped.code == 0
    assert ESCAPE not in piped.stderr
    assert b"\x1b" not in piped.stdout
