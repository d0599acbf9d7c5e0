"""The promises of the engines' table that `tailrace score` makes as well; it has no job, and no events.

The model and the rows are those of `tests.faults.test_engines`; the server is a real one.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tailrace.cli.application import run
from tailrace.cli.environment import Environment
from tailrace_core.engines import Engine
from tests.faults.dataset import Dataset
from tests.faults.scoring.server import FaultyModel, serving
from tests.faults.test_engines import ALL_BAD, GOOD, WITH_BAD_ROWS, Desk, documented_cells

TWENTY_BAD = Dataset.of(*(b"poison" if row % 100 == 7 else b"%d.5" % row for row in range(2_000)))


class Scored(NamedTuple):
    code: int
    out: bytes
    err: str


def scored(data: Dataset, *options: str) -> Scored:
    out, err = io.BytesIO(), io.StringIO()
    environment = Environment(stdin=io.BytesIO(data.text), stdout=out, stderr=err)
    with serving(FaultyModel("s", answering=data.answering)) as url:
        arguments = ("--model-url", url, "--keep", "id", "--chunk-rows", "3", *options)
        code = run(("score", "-", *arguments), environment)
    return Scored(code, out.getvalue(), err.getvalue())


def test_order() -> None:
    assert scored(GOOD).out == GOOD.result


def test_alignment() -> None:
    data = Dataset.of(b"1.5", b"2.5", b"swallow", b"4.5", b"5.5 reversed", b"6.5", b"7.5")
    found = scored(data, "--canaries", "3")
    assert (found.code, found.out) == (3, data.result)


def test_a_bad_row_costs_a_row() -> None:
    found = scored(WITH_BAD_ROWS)
    assert found.out == WITH_BAD_ROWS.result
    assert "17 of 20 rows scored, 3 rejected" in found.err


def test_retry() -> None:
    data = Dataset.of(b"1.5", b"flaky", b"3.5", b"4.5")
    found = scored(data)
    assert (found.code, found.out) == (0, data.result)
    assert "1 of them repeated" in found.err


def test_rejects(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    scored(WITH_BAD_ROWS, "--rejects", str(path))
    desk = Desk(Engine.REALTIME)
    assert desk.run("rejects", desk.finish(WITH_BAD_ROWS)) == 0
    assert path.read_bytes().splitlines()[0] == desk.out.splitlines()[0]
    ends = [[line.rpartition(b'",')[2] for line in text.splitlines()] for text in (path.read_bytes(), desk.out)]
    assert ends[0] == ends[1]
    assert path.read_bytes().count(b"cannot parse a row") == 3


def test_exit_codes() -> None:
    assert [scored(each).code for each in (GOOD, WITH_BAD_ROWS, ALL_BAD)] == [0, 3, 4]


def test_the_result_is_that_of_a_submit_byte_for_byte() -> None:
    """2,000 rows, 20 of which the model refuses."""
    desk = Desk(Engine.ASYNC)
    job_id = desk.finish(TWENTY_BAD, "--chunk-rows", "500")
    found = scored(TWENTY_BAD, "--chunk-rows", "500")
    assert found.out == desk.download(job_id)
    assert "20 rejected" in found.err


CELLS: tuple[Callable[..., None], ...] = (
    test_order,
    test_alignment,
    test_a_bad_row_costs_a_row,
    test_retry,
    test_rejects,
    test_exit_codes,
)


def test_the_documented_table_has_each_cell() -> None:
    header, rows = documented_cells()
    assert header[-1] == "score"
    known = {each.__name__.removeprefix("test_").replace("_", " ") for each in CELLS}
    assert {cells[0]: cells[-1] for cells in rows} == {cells[0]: "yes" if cells[0] in known else "-" for cells in rows}
    assert known <= {cells[0] for cells in rows}
