"""`tailrace score --recipe` prepares rows as `submit --recipe` does."""

from __future__ import annotations

import io
from pathlib import Path

import tailrace
from tailrace_core.submission.options import SubmitOptions
from tests.faults.scoring.server import FaultyModel, serving
from tests.faults.simulation import Simulation

TEXT = b"id,x\n" + b"".join(b"r%d, %d.5 \n" % (row, row) for row in range(20)) + b"r20,n/a\nr21, 7\n"
RECIPE = {"columns": {"x": {"strip": True, "to": "number", "on_error": "reject"}}}


def test_the_result_is_that_of_a_submit_with_the_recipe(tmp_path: Path) -> None:
    sim = Simulation(operator=False)
    options = SubmitOptions(keep=["id"], chunk_rows=8, job_key="k", recipe=RECIPE)
    job_id = sim.submit_until_done(TEXT, options, meanwhile=False)
    sim.drain()
    expected = io.BytesIO()
    with sim.reader() as client:
        client.download(job_id, expected)
        rejected = [each.row for each in client.rejects(job_id)]
    output, rejects = io.BytesIO(), tmp_path / "rejects.csv"
    with serving(FaultyModel("s")) as url:
        done = tailrace.score(
            TEXT, model_url=url, output=output, rejects=rejects, keep=["id"], chunk_rows=8, recipe=RECIPE
        )
    assert output.getvalue() == expected.getvalue()
    assert rejected == [20]
    assert done.rows_rejected == 1
    assert rejects.read_text().splitlines()[1].startswith("20,")
