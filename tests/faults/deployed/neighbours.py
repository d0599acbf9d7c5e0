"""Neighbours: jobs of five rows beside a big job with bad rows, and beside one without any."""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tailrace import SubmitOptions
from tailrace_core.jobs.model import ChunkState
from tailrace_core.messages.events import PartReady
from tailrace_local.cloud.iam.access_log import read_decisions
from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tests.faults.deployed.cloud_driver import CloudDriver, polling
from tests.faults.deployed.demand_input import DemandInput, Flaw
from tests.faults.deployed.faulty_cloud import faulty_cloud
from tests.faults.deployed.queues import Queues
from tests.faults.deployed.random_faults import rule
from tests.integration.pipeline.demand_rows import demand_rows

MOST_RATIO = 2.0
"""Most that a small job may take beside bad rows, as a multiple of its time beside good ones."""
BIG_ROWS = 10_000
CHUNK_ROWS = 10
WINDOW = 50
BAD_SHARE = 0.03
SMALL_ROWS = 5
SMALL_JOBS = 5
"""Small jobs beside each big one, one after the other."""
_TIMEOUT_S = 240.0
_POLL_S = 0.1


@dataclass(frozen=True)
class SmallJob:
    """Where a job of one chunk spent its time, in seconds."""

    submit_s: float
    """Until the endpoint had taken its request."""
    endpoint_s: float
    """Until the endpoint had stored its answer: the queue, the download, the model, the upload."""
    collect_s: float
    """Until the consumer had settled its chunk."""
    finish_s: float
    """Until its final state was seen."""

    @property
    def total_s(self) -> float:
        return self.submit_s + self.endpoint_s + self.collect_s + self.finish_s


@dataclass
class Neighbourhood:
    """Times of small jobs beside big ones of one kind."""

    small: list[SmallJob] = field(default_factory=list)
    in_flight: list[int] = field(default_factory=list)
    """Chunks of the big jobs in flight, when small ones ended."""
    at_endpoint: list[int] = field(default_factory=list)
    """Requests that waited or ran at the endpoint then."""
    in_queues: list[int] = field(default_factory=list)
    """Messages that waited or were handled in the functions' queues then."""
    loads: list[float] = field(default_factory=list)
    """The machine's load (of one minute) then."""
    splits: int = 0
    answers: int = 0
    """Chunks of the big jobs that came to an end while small ones were measured."""
    measured_s: float = 0.0
    queries: int = 0
    """Queries of the ledger by the functions meanwhile: nearly all of them search for waiting chunks."""

    def add(self, other: Neighbourhood) -> None:
        self.small += other.small
        self.in_flight += other.in_flight
        self.at_endpoint += other.at_endpoint
        self.in_queues += other.in_queues
        self.loads += other.loads
        self.splits += other.splits
        self.answers += other.answers
        self.measured_s += other.measured_s
        self.queries += other.queries

    @property
    def median_s(self) -> float:
        return statistics.median(each.total_s for each in self.small)

    def __str__(self) -> str:
        totals = [each.total_s for each in self.small]
        stages = ", ".join(
            f"{name} {statistics.median(getattr(each, f'{name}_s') for each in self.small):.2f} s"
            for name in ("submit", "endpoint", "collect", "finish")
        )
        return (
            f"median {self.median_s:.2f} s of {len(totals)} jobs ({min(totals):.2f} to {max(totals):.2f}; {stages}); "
            f"of the big job {_median(self.in_flight)} chunks in flight, {_median(self.at_endpoint)} requests at the "
            f"endpoint, {_median(self.in_queues)} messages in queues, {self.answers / self.measured_s:.1f} chunks "
            f"ended a second, {self.queries / self.answers:.2f} queries for each, {self.splits} splits; "
            f"load {_median(self.loads):.1f}"
        )


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


@dataclass(frozen=True)
class NeighbourReport:
    """Small jobs beside good rows only, and beside bad ones."""

    good: Neighbourhood
    bad: Neighbourhood
    ratios: list[float]
    """The ratio of the medians of each pair."""

    @property
    def ratio(self) -> float:
        """The median of the pairs' ratios: the machine's other work changes less within a pair."""
        return statistics.median(self.ratios)

    def __str__(self) -> str:
        pairs = ", ".join(f"{each:.2f}" for each in self.ratios)
        return (
            f"beside good rows: {self.good}\nbeside {BAD_SHARE:.0%} bad rows: {self.bad}\n"
            f"ratio {self.ratio:.2f} (pairs: {pairs})"
        )


class Neighbours:
    """Submits big and small jobs to a deployed cloud."""

    def __init__(self, driver: CloudDriver, folder: Path, seed: int, model_s: float) -> None:
        """``model_s``: time that each request takes at the model, besides the demo model's own."""
        self._driver = driver
        self._folder = folder
        self._random = random.Random(seed)
        self._queues = Queues(driver.cloud)
        if model_s:
            plan = {"sagemaker": {"rules": [rule({"kind": "slow", "seconds": model_s})]}}
            FaultAdmin(driver.cloud.own_url, driver.cloud.token).set(CloudFaultPlan.model_validate(plan))

    def compare(self, pairs: int) -> NeighbourReport:
        """Measure small jobs beside pairs of big jobs: one with good rows only, one with bad ones."""
        good, bad, ratios = Neighbourhood(), Neighbourhood(), list[float]()
        # First, every function's processes have to start.
        self._measure(BAD_SHARE, BIG_ROWS // 10, small_jobs=1)
        for number in range(1, pairs + 1):
            medians = dict[float, float]()
            both = [(good, 0.0), (bad, BAD_SHARE)]
            # In turn, so that a load that grows or shrinks favours neither.
            for total, share in both if number % 2 else reversed(both):
                found = self._measure(share)
                print(f"pair {number}, beside {share:.0%} bad rows: {found}", file=sys.stderr, flush=True)
                total.add(found)
                medians[share] = found.median_s
            ratios.append(medians[BAD_SHARE] / medians[0.0])
        return NeighbourReport(good, bad, ratios)

    def _measure(self, share: float, rows: int = BIG_ROWS, small_jobs: int = SMALL_JOBS) -> Neighbourhood:
        """Run a big job, ``share`` of its rows bad, and small ones beside it once all of it is sent."""
        found = Neighbourhood()
        self._queues.purge("ResultsQueue")
        big = self._submit_big(share, rows)
        before, offset = self._settled(big), read_decisions(self._driver.cloud.state_dir)[1]
        began = time.monotonic()
        small = [self._small_job(big, found) for _ in range(small_jobs)]
        found.measured_s += time.monotonic() - began
        found.answers += self._settled(big) - before
        decisions, _ = read_decisions(self._driver.cloud.state_dir, offset)
        found.queries = sum(each.action == "dynamodb:Query" for each in decisions)
        found.splits += self._driver.client.status(big).splits_spent
        self._driver.client.cancel(big)
        self._driver.until_final([big], timeout_s=_TIMEOUT_S)
        found.small += [self._stages(*each) for each in small]
        return found

    def _submit_big(self, share: float, rows: int) -> str:
        bad = self._random.sample(range(rows), int(share * rows))
        source = self._folder / "big.csv"
        source.write_bytes(DemandInput(demand_rows(rows), dict.fromkeys(bad, Flaw.PRICE)).text)
        options = SubmitOptions(chunk_rows=CHUNK_ROWS, window=WINDOW, split_budget=10 * rows)
        return self._driver.client.submit(str(source), options).job_id

    def _settled(self, job_id: str) -> int:
        """Count the chunks of a job that came to an end, by a split or in a final state."""
        return sum(each.state is not ChunkState.OPEN for each in self._driver.chunks(job_id))

    def _small_job(self, big: str, found: Neighbourhood) -> tuple[str, float, float]:
        """Run a small job to its end; return its id, and when it began and ended."""
        source = self._folder / "small.csv"
        source.write_bytes(DemandInput(demand_rows(SMALL_ROWS), {}).text)
        began = time.time()
        job_id = self._driver.client.submit(str(source), SubmitOptions()).job_id
        for _ in polling("a small job to end", _TIMEOUT_S, every_s=_POLL_S):
            if self._driver.client.status(job_id).state.final:
                break
        ended = time.time()
        job = self._driver.client.status(big)
        assert not job.state.final, "the big job ended before its neighbours were measured"
        found.in_flight.append(job.chunks_in_flight)
        found.at_endpoint.append(self._queues.at_endpoint())
        found.in_queues.append(sum(self._queues.left().values()))
        found.loads.append(os.getloadavg()[0])
        return job_id, began, ended

    def _stages(self, job_id: str, began: float, ended: float) -> SmallJob:
        event = next(each for each in self._queues.published(job_id) if isinstance(each, PartReady))
        received, completed = _seconds(event.received_at), _seconds(event.completed_at)
        settled = self._driver.client.status(job_id).finishing_at or ended
        return SmallJob(received - began, completed - received, settled - completed, ended - settled)


def _seconds(at: str | None) -> float:
    """Return a service's timestamp in seconds since the epoch."""
    return datetime.fromisoformat(str(at)).timestamp()


def compare_neighbours(seed: int, pairs: int, model_s: float) -> NeighbourReport:
    """Start a cloud and compare small jobs' times beside good and bad rows."""
    with (
        tempfile.TemporaryDirectory(prefix="tailrace-neighbours-") as folder,
        faulty_cloud(Path(folder) / "state") as driver,
    ):
        return Neighbours(driver, Path(folder), seed, model_s).compare(pairs)
