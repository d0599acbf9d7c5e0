"""The simulations under load at the sizes of docs/reliability.md."""

from __future__ import annotations

from collections.abc import Iterator

from tailrace_core.aws.retrying import DEFAULT_POLICY
from tests.faults.load.backlog import work_off
from tests.faults.load.contention import FORMER_POLICY, contend
from tests.faults.load.cutting import cut

CHUNKS = 20_000
FUNCTIONS = 100
OVERDUE = 100_000
STRIPES, CUTTERS = 400, 400


def load_reports(seed: int) -> Iterator[str]:
    """Run each simulation and yield its figures as a line."""
    former = contend(CHUNKS, FUNCTIONS, together=False, policy=FORMER_POLICY, seed=seed)
    yield f"one by one, ten tries: {former}"
    yield f"together: {contend(CHUNKS, FUNCTIONS, seed=seed)}"
    yield f"together, in a window of 200: {contend(CHUNKS, FUNCTIONS, window=200, seed=seed)}"
    one_by_one = cut(STRIPES // 4, CUTTERS // 4, together=False, policy=DEFAULT_POLICY, seed=seed)
    yield f"cutting, a transaction a chunk: {one_by_one}"
    yield f"cutting, a transaction a stripe: {cut(STRIPES, CUTTERS, policy=DEFAULT_POLICY, seed=seed)}"
    yield f"cutting, and patient: {cut(STRIPES, CUTTERS, seed=seed)}"
    yield f"cutting, without a window: {cut(STRIPES, CUTTERS, window=0, seed=seed)}"
    yield f"cutting, 40 functions: {cut(STRIPES, 40, seed=seed)}"
    yield str(work_off(OVERDUE))
