"""`tailrace submit --via auto` takes the first way that is advised and that the stack has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailrace_core.engines import Engine
from tests.faults.test_engines import GOOD, Desk


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("engine", [Engine.ASYNC, Engine.REALTIME, Engine.SERVERLESS])
def test_auto_takes_a_way_of_the_stack(engine: Engine, tmp_path: Path, *, piped: bool) -> None:
    """Each stack has batch transform jobs beside its endpoint. The size of a stream is unknown."""
    path = tmp_path / "rows.csv"
    path.write_bytes(GOOD.text)
    desk = Desk(engine)
    source, stdin = ("-", GOOD.text) if piped else (str(path), b"")
    assert desk.run("submit", source, "--keep", "id", "--via", "auto", stdin=stdin) == 0, desk.err
    job_id = desk.out.decode().strip()
    desk.sim.drain()
    settings = desk.sim.ledger.settings(job_id)
    assert settings is not None
    assert settings.engine is engine
    assert desk.download(job_id) == GOOD.result


def test_a_dry_run_asks_no_stack(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(GOOD.text)
    assert Desk(Engine.ASYNC).run("submit", str(path), "--via", "auto", "--dry-run") == 0
