"""Rounds of random jobs under random faults on the deployed local stack.

The seed determines the jobs and the faults of a round, but not the timing of its processes.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.jobs.model import Job, OnParked
from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tests.faults.deployed.cloud_driver import SIX_HOURS_S, Aging, CloudDriver, polling
from tests.faults.deployed.cloud_operator import CloudOperator
from tests.faults.deployed.faulty_cloud import HIDDEN_S, SOURCES, plan_cleared
from tests.faults.deployed.outcomes import check
from tests.faults.deployed.producers import kill_while_submitting, submit
from tests.faults.deployed.queues import Queues
from tests.faults.deployed.random_faults import random_plan, with_cutting_faults, with_words_of_rows
from tests.faults.deployed.random_jobs import Interruption, RandomJob
from tests.faults.expectation import not_isolated_rows
from tests.faults.verdict import Report

SEED = int(os.environ.get("TAILRACE_FAULT_SEED", "20260101"))
"""Seed of the rounds and jobs in tests."""
ROUND_S = 400.0
REST_S = 12.0 * HIDDEN_S
"""Longest time until nothing is in flight; a message that keeps failing is a dead letter by
then."""
_REMOTE = 0.4
"""Share of the jobs that the stack cuts where they lie, of those that no fault of a producer is
planned for."""
AGING = Aging(SIX_HOURS_S, every_s=5.0, after_s=10.0)


@dataclass(frozen=True)
class Round:
    """Jobs that run at once, and their fault plan."""

    jobs: tuple[RandomJob, ...]
    plan: CloudFaultPlan
    stripes: tuple[int | None, ...] = ()
    """For each job, the size of the stripes in which the stack cuts it; None for a submit."""

    @classmethod
    def of(cls, seed: str) -> Round:
        """Draw a round."""
        source = random.Random(seed)
        jobs = tuple(RandomJob.of(source) for _ in range(source.randint(2, 6)))
        repeated = any(job.options.header is HeaderPolicy.REPEAT for job in jobs)
        plan = random_plan(source, header_repeated=repeated)
        # Drawn apart, so that a seed means the same jobs and faults as before.
        source = random.Random(f"{seed} stripes")
        stripes = tuple(
            source.choice((300, 2_000, 100_000)) if source.random() < _REMOTE and _may_be_remote(job) else None
            for job in jobs
        )
        return cls(jobs, with_cutting_faults(source, plan) if any(stripes) else plan, stripes)

    def __str__(self) -> str:
        faults = {
            "endpoint": [each.do.kind for each in self.plan.sagemaker.rules],
            "functions": [f"{each.do.kind} {each.when.function}" for each in self.plan.functions.rules],
        }
        return "\n".join([*map(str, self.jobs), f"stripes {self.stripes}", str(faults)])


def _may_be_remote(job: RandomJob) -> bool:
    return job.interruption is not Interruption.PRODUCER_KILLED


class RoundRunner:
    """Runner of rounds: a cloud, its operator, and a folder for inputs."""

    def __init__(self, driver: CloudDriver, folder: Path) -> None:
        self.driver = driver
        self.queues = Queues(driver.cloud)
        self.operator = CloudOperator(driver.client, self.queues)
        self.admin = FaultAdmin(driver.cloud.own_url, driver.cloud.token)
        self.totals: Counter[str] = Counter()
        self._folder = folder
        self._files = 0
        self._hurried: Counter[str] = Counter()

    def play(self, played: Round) -> list[Report]:
        """Play a round; raise AssertionError if a job ends wrongly, or something is left behind."""
        with plan_cleared(self.admin):
            self.admin.set(with_words_of_rows(played.plan))
            stripes = played.stripes or (None,) * len(played.jobs)
            job_ids = [self._submit(job, each) for job, each in zip(played.jobs, stripes, strict=True)]
            by_id = dict(zip(job_ids, played.jobs, strict=True))
            self.driver.until_final(
                job_ids, timeout_s=ROUND_S, aging=AGING, meanwhile=lambda jobs: self._act(jobs, by_id)
            )
            self._count_faults()
        self.rest(REST_S)
        return [self._judge(job_id, job) for job_id, job in by_id.items()]

    def rest(self, timeout_s: float, *, delayed: bool = False) -> None:
        """Wait until nothing is in flight; the operator redrives dead letters.

        With ``delayed``, retries that are not visible yet count as in flight.
        """
        left: dict[str, int] = {}
        for _ in polling("nothing to be left in flight, there is", timeout_s, every_s=1.0, about=left):
            self.operator.act()
            left.clear()
            left.update(self.queues.left(delayed=delayed))
            if not left and not self.queues.at_endpoint():
                return

    def file(self, text: bytes) -> Path:
        """Write ``text`` to a new file."""
        self._files += 1
        path = self._folder / f"{self._files}.csv"
        path.write_bytes(text)
        return path

    def summary(self) -> str:
        """Format all counts so far."""
        counts = {**self.totals, **{f"operator: {name}": count for name, count in self.operator.done.items()}}
        return ", ".join(f"{name} {count}" for name, count in counts.items())

    def _submit(self, job: RandomJob, stripe_bytes: int | None) -> str:
        source = self.file(job.input.text)
        if stripe_bytes is not None:
            self.totals["remote jobs"] += 1
            self.driver.cloud.client("s3").put_object(Bucket=SOURCES, Key=source.name, Body=job.input.text)
            options = replace(job.options, stripe_bytes=stripe_bytes, job_key=source.stem)
            return self.driver.client.submit(f"s3://{SOURCES}/{source.name}", options, remote=True).job_id
        key = source.stem if job.interruption is Interruption.PRODUCER_KILLED else None
        if key is not None:
            self.totals["producers killed"] += kill_while_submitting(self.driver, job, key)
        return submit(self.driver, job, source, key)

    def _act(self, jobs: list[Job], by_id: dict[str, RandomJob]) -> None:
        """Act for the operator and the users while jobs run."""
        self.operator.act()
        for job in jobs:
            drawn = by_id[job.job_id]
            settled = job.rows_settled / len(drawn.input.rows)
            if drawn.interruption is Interruption.CANCELLED and settled >= drawn.interrupt_at and job.outcome is None:
                self.driver.client.cancel(job.job_id)
                self.totals["cancels"] += 1
            if job.chunks_in_flight and self._hurried[job.job_id] < drawn.hurries:
                self._hurried[job.job_id] += 1
                self.operator.hurry(job.job_id)

    def _judge(self, job_id: str, drawn: RandomJob) -> Report:
        job, model_url = self.driver.client.status(job_id), self.driver.cloud.model_url
        # Which rows the spent split budget costs depends on the order of events. The operator gives
        # rows up only where no row is scored to show that the endpoint works.
        scored, rejects = drawn.input.scored(model_url), list(self.driver.client.rejects(job_id))
        given_up = {each.row for each in rejects if each.reason.startswith("discarded")}
        assert not given_up or not job.rows_scored, f"{job_id}: the operator gave up rows {given_up}: {job}"
        refused = not_isolated_rows(scored, rejects) | (given_up - drawn.input.flaws.keys())
        assert not refused or not job.split_budget, f"{job_id}: rows {refused} were not isolated: {job}"
        self.totals["rows given up"] += len(given_up)
        may_park = drawn.options.on_parked is OnParked.WAIT
        assert may_park or not job.times_parked, f"{job_id} was to fail, and not to park: {job}"
        ends = drawn.ends(len(drawn.input.flaws) + len(refused))
        assert job.state in ends, f"{job_id} is {job.state} ({job.reason}), may be {ends}"
        scored = drawn.input.scored(model_url, refused)
        report = check(self.driver, self.queues, job_id, scored, expected=job.state)
        self.totals.update({"jobs": 1, f"jobs {job.state}": 1, **report.counts, **drawn.drawn})
        self.totals["not isolated"] += job.rows_not_isolated
        return report

    def _count_faults(self) -> None:
        shown = self.admin.show()
        for section, name in (("sagemaker", "endpoint"), ("functions", "functions")):
            self.totals[f"faults at {name}"] += shown[section]["counts"]["total"]
        for entry in self.admin.log()["functions"]:
            if entry["kind"].startswith("kill"):
                self.totals["functions killed"] += 1
