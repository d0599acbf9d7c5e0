"""A world in which a job waits for a person."""

from __future__ import annotations

from tailrace.options import SubmitOptions
from tailrace_core.jobs.model import Chunk
from tests.faults.dataset import Dataset
from tests.faults.injection import Schedule
from tests.faults.world import World

_OPTIONS = SubmitOptions(keep="id", chunk_rows=2, job_key="k")


def parked_world(data: Dataset, schedule: Schedule) -> tuple[World, str, list[Chunk]]:
    """A job of which every chunk is parked, because the endpoint fails."""
    world = World(schedule, person=False)
    world.endpoint.down = True
    job_id = world.submit_until_done(data.text, _OPTIONS, meanwhile=False)
    for _ in range(200):
        world.pump()
        chunks = [each for each in world.leaves(job_id) if each.parked]
        if len(chunks) == len(world.leaves(job_id)):
            return world, job_id, chunks
        world.wait()
    raise AssertionError("the chunks are never parked")
