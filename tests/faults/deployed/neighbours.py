"""Neighbours: jobs of five rows beside a big job with bad rows, and beside one without any."""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tailrace import SubmitOptions
from tests.faults.deployed.cloud_driver import CloudDriver, polling
from tests.faults.deployed.demand_input import DemandInput, Flaw
from tests.faults.deployed.faulty_cloud import faulty_cloud
from tests.integration.pipeline.demand_rows import demand_rows

MOST_RATIO = 2.0
"""Most that a small job may take beside bad rows, as a multiple of its time beside good ones."""
BIG_ROWS = 15_000
CHUNK_ROWS = 10
WINDOW = 50
BAD_SHARE = 0.03
SMALL_ROWS = 5
SMALL_JOBS = 8
"""Small jobs in each round, one after the other."""
ROUNDS = 1
_TIMEOUT_S = 240.0
_POLL_S = 0.1


@dataclass
class Neighbourhood:
    """What small jobs met beside big ones of one kind."""

    seconds: list[float] = field(default_factory=list)
    """Time from the submit of a small job to its end."""
    in_flight: int = 0
    """Most chunks of the big job in flight."""
    splits: int = 0

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        return (
            f"median {self.median_s:.2f} s of {len(self.seconds)} jobs ({min(self.seconds):.2f} to "
            f"{max(self.seconds):.2f}), at most {self.in_flight} chunks of the big job in flight, {self.splits} splits"
        )


@dataclass(frozen=True)
class NeighbourReport:
    """Small jobs beside good rows only, and beside bad ones."""

    good: Neighbourhood
    bad: Neighbourhood

    @property
    def ratio(self) -> float:
        return self.bad.median_s / self.good.median_s

    def __str__(self) -> str:
        return f"beside good rows: {self.good}\nbeside {BAD_SHARE:.0%} bad rows: {self.bad}\nratio {self.ratio:.2f}"


class Neighbours:
    """Submits big and small jobs to a deployed cloud."""

    def __init__(self, driver: CloudDriver, folder: Path, seed: int) -> None:
        self._driver = driver
        self._folder = folder
        self._random = random.Random(seed)

    def compare(self) -> NeighbourReport:
        """Measure small jobs beside each kind of big job, in turn."""
        good, bad = Neighbourhood(), Neighbourhood()
        for _ in range(ROUNDS):
            self._measure(good, 0.0)
            print(f"beside good rows: {good}", file=sys.stderr, flush=True)
            self._measure(bad, BAD_SHARE)
            print(f"beside bad rows: {bad}", file=sys.stderr, flush=True)
        return NeighbourReport(good, bad)

    def _measure(self, found: Neighbourhood, share: float) -> None:
        key = f"big-{self._random.getrandbits(40)}"
        producer = threading.Thread(target=self._submit_big, args=(key, share))
        producer.start()
        job_id = self._until_busy(key)
        for _ in range(SMALL_JOBS):
            found.seconds.append(self._small_job())
            big = self._driver.client.status(job_id)
            assert not big.state.final, "the big job ended before its neighbours were measured"
            found.in_flight = max(found.in_flight, big.chunks_in_flight)
        found.splits += self._driver.client.status(job_id).splits_spent
        producer.join(_TIMEOUT_S)
        self._driver.client.cancel(job_id)
        self._driver.until_final([job_id], timeout_s=_TIMEOUT_S)

    def _submit_big(self, key: str, share: float) -> None:
        bad = self._random.sample(range(BIG_ROWS), int(share * BIG_ROWS))
        rows = DemandInput(demand_rows(BIG_ROWS), dict.fromkeys(bad, Flaw.PRICE))
        source = self._folder / f"{key}.csv"
        source.write_bytes(rows.text)
        options = SubmitOptions(chunk_rows=CHUNK_ROWS, window=WINDOW, job_key=key, split_budget=10 * BIG_ROWS)
        self._driver.client.submit(str(source), options)

    def _until_busy(self, key: str) -> str:
        """Wait until the big job fills its window; return its id."""
        for _ in polling("the big job to fill its window", _TIMEOUT_S, every_s=_POLL_S):
            found = self._driver.ledger.find_job_key(key)
            if found is not None and self._driver.client.status(found[0]).chunks_waiting > WINDOW:
                return found[0]
        raise AssertionError("unreachable")

    def _small_job(self) -> float:
        source = self._folder / "small.csv"
        source.write_bytes(DemandInput(demand_rows(SMALL_ROWS), {}).text)
        began = time.monotonic()
        job_id = self._driver.client.submit(str(source), SubmitOptions()).job_id
        for _ in polling("a small job to end", _TIMEOUT_S, every_s=_POLL_S):
            if self._driver.client.status(job_id).state.final:
                return time.monotonic() - began
        raise AssertionError("unreachable")


def compare_neighbours(seed: int) -> NeighbourReport:
    """Start a cloud and compare small jobs' times beside good and bad rows."""
    with (
        tempfile.TemporaryDirectory(prefix="tailrace-neighbours-") as folder,
        faulty_cloud(Path(folder) / "state") as driver,
    ):
        return Neighbours(driver, Path(folder), seed).compare()
