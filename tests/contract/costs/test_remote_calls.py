"""A chunk of a remote job takes no more calls than one of a submit whose batches are full.

Each function takes a run of neighbouring stripes, which makes up for the calls that a remote job
makes once: to begin with, to list, sum and seal.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tailrace_core.submission.options import SubmitOptions
from tests.faults.cutting.remote_job import RemoteJob
from tests.faults.dataset import Dataset, Row
from tests.faults.injection import READ
from tests.faults.simulation import Simulation

BATCH = 25
"""Chunks whose intents a submit writes together, at most."""
CHUNKS_PER_STRIPE = 32
"""Chunks of 4 MiB in a stripe of 128 MiB."""
ROWS = 2
"""Rows of a chunk."""
FINDING = 3
"""Calls of a submit, and of the start of a remote job, to find the stack, the endpoint and who calls."""
ITEM_READS = 2
"""Objects that Step Functions reads: an item reader for each map."""
MORE_OF_A_SMALL_JOB = 10
"""Calls that a remote job makes once, less those that the runs of six stripes save."""


def calls_of(stripes: int, *, remote: bool, window: int) -> Counter[str]:
    """Return the calls of a job of one object from its start to its end, without any fault."""
    calls: Counter[str] = Counter()
    sim = Simulation(check_invariants=False, batch=BATCH)
    sim.invariants.ordered = False
    sim.schedule.before_call = lambda _, call: None if call.endswith(READ) else calls.update([call])
    rows = ROWS * CHUNKS_PER_STRIPE * stripes
    *most, _ = (Row(b"%05d" % number, b"%05d" % number) for number in range(rows))
    # The last row is as short as it has to be, for the header, so that there are so many stripes.
    data = Dataset((*most, Row(b"9", b"9")))
    stripe_bytes = ROWS * CHUNKS_PER_STRIPE * len(most[0].record + b"\n")
    options = SubmitOptions(keep="id", chunk_rows=ROWS, window=window, stripe_bytes=stripe_bytes, chunk_bytes=100)
    if remote:
        RemoteJob(sim, data, options, meanwhile=0.0, rows_per_object=len(data.rows)).play()
        calls.update({"finding": FINDING, "stepfunctions' s3.get_object": ITEM_READS})
    else:
        assert sim.submit(data.text, options)
    sim.drain()
    assert all(sim.job(each).state.final for each in sim.jobs)
    return calls


@pytest.mark.parametrize(("stripes", "window", "more"), [(18, 0, 0), (12, 64, 0), (6, 0, MORE_OF_A_SMALL_JOB)])
def test_a_remote_job_makes_no_more_calls_than_a_submit_that_writes_full_batches(
    stripes: int, window: int, more: int
) -> None:
    remote, local = (calls_of(stripes, remote=each, window=window) for each in (True, False))
    assert remote["sagemaker-runtime.invoke_endpoint_async"] == local["sagemaker-runtime.invoke_endpoint_async"]
    assert remote.total() <= local.total() + more, (remote, local)
