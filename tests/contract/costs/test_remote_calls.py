"""A chunk of a remote job takes as many calls as one of a submit whose batches are full.

Each stripe takes a few more, to count its records and to find what is recorded of it.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tailrace_core.submission.options import SubmitOptions
from tests.faults.cutting.remote_job import RemoteJob
from tests.faults.dataset import Dataset
from tests.faults.injection import READ
from tests.faults.simulation import Simulation

BATCH = 25
"""Chunks whose intents a submit writes together."""
CHUNKS_PER_STRIPE = 32
STRIPES = 6
CHUNKS = CHUNKS_PER_STRIPE * STRIPES
OF_A_STRIPE = 8
"""Calls to count a stripe (three), to sum its count, to read it, and of the ledger (three)."""
OWN = 20
"""Calls that a remote job makes once: to list, sum and seal, and to begin with."""


def calls_of(*, remote: bool, window: int) -> Counter[str]:
    """Return the calls of a job from its start to its end, without any fault."""
    calls: Counter[str] = Counter()
    sim = Simulation(check_invariants=False, batch=BATCH)
    sim.invariants.ordered = False
    sim.schedule.before_call = lambda _, call: None if call.endswith(READ) else calls.update([call])
    data = Dataset.of(*(b"%04d" % number for number in range(2 * CHUNKS)))
    stripe = len(data.text) // STRIPES
    options = SubmitOptions(keep="id", chunk_rows=2, window=window, stripe_bytes=stripe, chunk_bytes=100)
    if remote:
        RemoteJob(sim, data, options, meanwhile=0.0).play()
    else:
        assert sim.submit(data.text, options)
    sim.drain()
    assert all(sim.job(each).state.final for each in sim.jobs)
    return calls


@pytest.mark.parametrize("window", [0, 64])
def test_a_chunk_takes_the_calls_of_a_submit_and_a_stripe_a_few(window: int) -> None:
    remote, local = calls_of(remote=True, window=window), calls_of(remote=False, window=window)
    for operation in ("s3.put_object", "sagemaker-runtime.invoke_endpoint_async", "dynamodb.transact_write_items"):
        assert remote[operation] <= local[operation] + 2 * STRIPES, operation
    assert remote.total() <= local.total() + OF_A_STRIPE * STRIPES + OWN, (remote, local)
    assert remote.total() / local.total() < 1.06, (remote, local)
