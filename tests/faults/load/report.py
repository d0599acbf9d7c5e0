"""The simulations under load at the sizes of docs/reliability.md."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.load.backlog import work_off
from tests.faults.load.contention import FORMER_POLICY, contend

CHUNKS = 20_000
FUNCTIONS = 100
OVERDUE = 100_000


def load_reports(seed: int) -> Iterator[str]:
    """Run each simulation and yield its figures as a line."""
    former = contend(CHUNKS, FUNCTIONS, together=False, policy=FORMER_POLICY, seed=seed)
    yield f"one by one, ten tries: {former}"
    yield f"together: {contend(CHUNKS, FUNCTIONS, seed=seed)}"
    yield f"together, in a window of 200: {contend(CHUNKS, FUNCTIONS, window=200, seed=seed)}"
    yield str(work_off(OVERDUE))
