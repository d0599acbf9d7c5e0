"""One contract over every engine: what a job promises holds whatever does the inferring.

Each cell of the table of engines and promises (docs/reliability.md) is one test, over the real
command line, producer and functions, and a cloud in memory.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tailrace.cli.application import run
from tailrace.cli.environment import Environment
from tailrace_core.engines import Engine
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.messages.events import JobFinished, PartReady, decode_published
from tailrace_core.objects import keys
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.injection import Fault, FaultKind, Schedule
from tests.faults.memory_aws import cloud as names
from tests.faults.simulation import PRODUCER, Simulation

ENGINES = (Engine.ASYNC, Engine.REALTIME, Engine.SERVERLESS, Engine.TRANSFORM)
every_engine = pytest.mark.parametrize("engine", ENGINES)

GOOD = Dataset.of(*(b"%d.5" % row for row in range(20)))
WITH_BAD_ROWS = Dataset.of(*(b"poison" if row in {3, 11, 12} else b"%d.5" % row for row in range(20)))
ALL_BAD = Dataset.of(b"poison", b"poison")


@dataclass
class Desk:
    """The command line over a stack of one engine, and the last command's output."""

    engine: Engine
    schedule: Schedule = field(default_factory=Schedule)
    out: bytes = b""
    err: str = ""

    def __post_init__(self) -> None:
        self.sim = Simulation(self.schedule, operator=False, engine=self.engine)

    def run(self, *arguments: str, stdin: bytes = b"") -> int:
        out, err = io.BytesIO(), io.StringIO()
        environment = Environment(
            connect=lambda _: self.sim.producer(PRODUCER)[1], stdin=io.BytesIO(stdin), stdout=out, stderr=err
        )
        code = run([*arguments, "--stack", "stack"], environment)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def submit(self, data: Dataset, *options: str) -> str:
        """Submit rows in chunks of three; return the job's id."""
        arguments = ("--keep", "id", "--chunk-rows", "3", "--via", self.engine, *options)
        assert self.run("submit", "-", *arguments, stdin=data.text) == 0, self.err
        return self.out.decode().strip()

    def finish(self, data: Dataset, *options: str) -> str:
        """Submit rows, and run the job to its end; return its id."""
        job_id = self.submit(data, *options)
        self.sim.drain()
        return job_id

    def download(self, job_id: str) -> bytes:
        assert self.run("download", job_id) == 0, self.err
        return self.out

    def parts(self, job_id: str) -> dict[RowRange, bytes]:
        objects = self.sim.cloud.s3.objects
        return {leaf.range: objects[keys.part_key(job_id, leaf.range)].body for leaf in self.sim.leaves(job_id)}

    def events(self) -> list[PartReady | JobFinished]:
        return [decode_published(each) for each in self.sim.cloud.sns.published[names.RESULTS_TOPIC]]


@every_engine
def test_order(engine: Engine) -> None:
    desk = Desk(engine)
    assert desk.download(desk.finish(GOOD)) == GOOD.result


@every_engine
def test_alignment(engine: Engine) -> None:
    """An answer with a line too few, and one in another order, are never joined to the rows."""
    data = Dataset.of(b"1.5", b"2.5", b"swallow", b"4.5", b"5.5 reversed", b"6.5", b"7.5")
    desk = Desk(engine)
    job_id = desk.finish(data, "--canaries", "3")
    assert desk.download(job_id) == data.result
    assert desk.sim.job(job_id).rows_rejected == 1


@every_engine
def test_a_bad_row_costs_a_row(engine: Engine) -> None:
    desk = Desk(engine)
    job_id = desk.finish(WITH_BAD_ROWS)
    job = desk.sim.job(job_id)
    assert (job.rows_scored, job.rows_rejected, job.rows_not_isolated) == (17, 3, 0)
    assert desk.download(job_id) == WITH_BAD_ROWS.result


@every_engine
def test_retry(engine: Engine) -> None:
    data = Dataset.of(b"1.5", b"flaky", b"3.5", b"4.5")
    desk = Desk(engine)
    job_id = desk.finish(data)
    assert desk.download(job_id) == data.result
    assert max(leaf.attempt for leaf in desk.sim.leaves(job_id)) == 2


@every_engine
def test_cancel(engine: Engine) -> None:
    """Answers that come after a job was cancelled change nothing."""
    desk = Desk(engine)
    job_id = desk.submit(GOOD)
    assert desk.run("cancel", job_id) == 0, desk.err
    desk.sim.drain()
    job, leaves = desk.sim.job(job_id), desk.sim.leaves(job_id)
    assert (job.state, job.rows_cancelled, job.rows_scored) == (JobState.CANCELLED, 20, 0)
    assert {leaf.state for leaf in leaves} == {ChunkState.CANCELLED}
    check(desk.sim, job_id, GOOD, expected=JobState.CANCELLED)


@every_engine
def test_resume_by_job_key(engine: Engine) -> None:
    desk = Desk(engine, Schedule((Fault(14, FaultKind.DEATH_AFTER),), PRODUCER))
    with pytest.raises(BaseException) as died:  # noqa: PT011 - as `tests.faults.injection.Crash` dies
        desk.submit(GOOD, "--job-key", "nightly")
    assert type(died.value).__name__ == "Crash"
    first = desk.sim.ledger.jobs(5)[0].job_id
    before = {chunk.range for chunk in desk.sim.ledger.chunks(first)}
    assert 0 < sum(rows.rows for rows in before) < 20
    assert desk.finish(GOOD, "--job-key", "nightly") == first
    assert desk.download(first) == GOOD.result
    assert desk.run("submit", "-", "--keep", "id", "--job-key", "nightly", "--via", engine, stdin=GOOD.text) == 2


@every_engine
def test_rejects(engine: Engine) -> None:
    """Each rejected row is named with its record and the model's own words."""
    desk = Desk(engine)
    job_id = desk.finish(WITH_BAD_ROWS)
    assert desk.run("rejects", job_id) == 0, desk.err
    header, *rows = desk.out.splitlines()
    assert header.startswith(b"row,reason")
    assert [int(row.partition(b",")[0]) for row in rows] == [3, 11, 12]
    for number, row in zip((3, 11, 12), rows, strict=True):
        assert row.endswith(b"r%d,poison" % number)
        assert engine is Engine.TRANSFORM or b"cannot parse a row" in row


@every_engine
def test_events(engine: Engine) -> None:
    """Parts and the end are published, each describes its rows, and a repetition has the same id."""
    desk = Desk(engine)
    job_id = desk.finish(WITH_BAD_ROWS)
    check(desk.sim, job_id, WITH_BAD_ROWS)
    ready = [each for each in desk.events() if isinstance(each, PartReady)]
    assert {each.event_id: each.body for each in ready} == {
        PartReady.id_of(job_id, rows): body.decode() for rows, body in desk.parts(job_id).items()
    }
    (end,) = {each.event_id: each for each in desk.events() if isinstance(each, JobFinished)}.values()
    assert (end.state, end.rows_total, end.rows_scored, end.rows_rejected) == ("completed_with_rejects", 20, 17, 3)


@every_engine
def test_exit_codes(engine: Engine) -> None:
    codes = []
    for data in (GOOD, WITH_BAD_ROWS, ALL_BAD):
        desk = Desk(engine)
        codes.append(desk.run("wait", desk.finish(data)))
    desk = Desk(engine)
    cancelled = desk.submit(GOOD)
    desk.run("cancel", cancelled)
    desk.sim.drain()
    assert [*codes, desk.run("wait", cancelled)] == [0, 3, 4, 5]


@cache
def parts_by(engine: Engine) -> dict[RowRange, bytes]:
    desk = Desk(engine)
    return desk.parts(desk.finish(WITH_BAD_ROWS))


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_the_parts_are_those_of_an_asynchronous_endpoint_byte_for_byte(engine: Engine) -> None:
    assert parts_by(engine) == parts_by(Engine.ASYNC)


@pytest.mark.parametrize(
    ("engine", "size", "warned"),
    [(Engine.REALTIME, "6MiB", False), (Engine.REALTIME, "7MiB", True), (Engine.ASYNC, "7MiB", False)],
)
def test_chunks_that_an_endpoint_may_refuse_are_warned_of(engine: Engine, size: str, *, warned: bool) -> None:
    desk = Desk(engine)
    desk.submit(GOOD, "--chunk-bytes", size)
    assert ("warning: chunks of up to 7340032 bytes may be refused via realtime" in desk.err) is warned
    assert desk.run("submit", "-", "--dry-run", "--via", engine, "--chunk-bytes", size, stdin=GOOD.text) == 0
    assert (b"warning:" in desk.out) is warned


def test_another_engine_than_the_stacks_is_refused_with_the_parameter_that_gives_it() -> None:
    desk = Desk(Engine.REALTIME)
    assert desk.run("submit", "-", "--via", "async", stdin=GOOD.text) == 2
    assert "scores via realtime" in desk.err
    assert "EndpointKind=async" in desk.err
    assert not desk.sim.ledger.jobs(1)


CELLS: tuple[Callable[[Engine], None], ...] = (
    test_order,
    test_alignment,
    test_a_bad_row_costs_a_row,
    test_retry,
    test_cancel,
    test_resume_by_job_key,
    test_rejects,
    test_events,
    test_exit_codes,
)


def documented_cells() -> tuple[list[str], list[list[str]]]:
    """Return the header of the documented table after its first column, and the cells of its rows."""
    page = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")
    table = r"^\| a job via ((?:\| [^\n]+)+)\|\n\| --[^\n]*\n((?:\|[^\n]*\n)+)"
    header, rows = re.findall(table, page, re.MULTILINE)[0]
    found = [re.split(r" *\| *", row.strip("| ")) for row in rows.splitlines()]
    return [each.strip(" `") for each in header.split("|")[1:] if each.strip()], found


def test_the_documented_table_has_each_cell() -> None:
    """Its last column is that of `tailrace score`, which has no job (tests/faults/scoring)."""
    header, found = documented_cells()
    assert header == [*map(str, ENGINES), "score"]
    assert [cells[0] for cells in found] == [each.__name__.removeprefix("test_").replace("_", " ") for each in CELLS]
    assert all(cells[1:-1] == ["yes"] * len(ENGINES) for cells in found)
