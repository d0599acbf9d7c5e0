"""A simulation in which a job waits for an operator."""

from __future__ import annotations

from tailrace_core.jobs.model import Chunk
from tailrace_core.submission.options import SubmitOptions
from tests.faults.dataset import Dataset
from tests.faults.injection import Schedule
from tests.faults.simulation import Simulation

_OPTIONS = SubmitOptions(keep="id", chunk_rows=2, job_key="k", split_budget=0)


def parked_simulation(data: Dataset, schedule: Schedule) -> tuple[Simulation, str, list[Chunk]]:
    """Run a job until every chunk is parked because the endpoint fails.

    Without a split budget, no row is tried alone.

    Returns the simulation, the job's id and its chunks.
    """
    sim = Simulation(schedule, operator=False)
    sim.endpoint.down = True
    job_id = sim.submit_until_done(data.text, _OPTIONS, meanwhile=False)
    for _ in range(200):
        sim.pump()
        chunks = [each for each in sim.leaves(job_id) if each.parked]
        if len(chunks) == len(sim.leaves(job_id)):
            return sim, job_id, chunks
        sim.wait()
    raise AssertionError("the chunks are never parked")
