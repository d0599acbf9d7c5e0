"""Rounds of random jobs under random faults on the deployed local stack.

The seed determines the jobs and the faults of a round, but not the timing of its processes.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.jobs.model import Job, OnParked
from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tests.faults.deployed.cloud_driver import SIX_HOURS_S, Aging, CloudDriver, polling
from tests.faults.deployed.cloud_operator import CloudOperator
from tests.faults.deployed.entries import Entry, OddDrop, Twice, draw_odd_drops, draw_way
from tests.faults.deployed.faulty_cloud import HIDDEN_S, SOURCES, plan_cleared
from tests.faults.deployed.inbox import Dropped, Inbox
from tests.faults.deployed.outcomes import check
from tests.faults.deployed.producers import kill_while_submitting, submit
from tests.faults.deployed.queues import Queues
from tests.faults.deployed.random_faults import (
    random_plan,
    with_cutting_faults,
    with_inbox_faults,
    with_words_of_rows,
)
from tests.faults.deployed.random_jobs import Interruption, RandomJob
from tests.faults.expectation import Expectation, not_isolated_rows
from tests.faults.verdict import Report

SEED = int(os.environ.get("TAILRACE_FAULT_SEED", "20260101"))
"""Seed of the rounds and jobs in tests."""
ROUND_S = 400.0
REST_S = 12.0 * HIDDEN_S
"""Longest time until nothing is in flight; a message that keeps failing is a dead letter by
then."""
AGING = Aging(SIX_HOURS_S, every_s=5.0, after_s=10.0)


@dataclass(frozen=True)
class Round:
    """Jobs that run at once, and their fault plan."""

    jobs: tuple[RandomJob, ...]
    plan: CloudFaultPlan
    entries: tuple[Entry | None, ...] = ()
    """For each job the way of its rows; None for a submit that reads a local file."""
    odd_drops: tuple[OddDrop, ...] = ()

    @classmethod
    def of(cls, seed: str) -> Round:
        """Draw a round."""
        source = random.Random(seed)
        jobs = tuple(RandomJob.of(source) for _ in range(source.randint(2, 6)))
        repeated = any(job.options.header is HeaderPolicy.REPEAT for job in jobs)
        plan = random_plan(source, header_repeated=repeated)
        # Drawn apart, so that a seed means the same rows and faults whatever is drawn here.
        source = random.Random(f"{seed} entries")
        jobs, entries = zip(*(draw_way(source, job) for job in jobs), strict=True)
        odd_drops = draw_odd_drops(source)
        if any(entries):
            plan = with_cutting_faults(source, plan)
        if odd_drops or any(entry and entry.dropped for entry in entries):
            plan = with_inbox_faults(source, plan)
        return cls(jobs, plan, entries, odd_drops)

    def __str__(self) -> str:
        faults = {
            "endpoint": [each.do.kind for each in self.plan.sagemaker.rules],
            "functions": [f"{each.do.kind} {each.when.function}" for each in self.plan.functions.rules],
        }
        entries = self.entries or (None,) * len(self.jobs)
        jobs = [f"{job}; {entry or 'a submit'}" for job, entry in zip(self.jobs, entries, strict=True)]
        return "\n".join([*jobs, *map(str, self.odd_drops), str(faults)])


@dataclass
class _Playing:
    """A round that is played: its jobs, by their ids and in the order of their files' arrivals."""

    jobs: dict[str, RandomJob] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)
    odd: dict[str, OddDrop] = field(default_factory=dict)


class RoundRunner:
    """Runner of rounds: a cloud, its operator, and a folder for inputs."""

    def __init__(self, driver: CloudDriver, folder: Path) -> None:
        self.driver = driver
        self.queues = Queues(driver.cloud)
        self.operator = CloudOperator(driver.client, self.queues)
        self.inbox = Inbox(driver)
        self.admin = FaultAdmin(driver.cloud.own_url, driver.cloud.token)
        self.totals: Counter[str] = Counter()
        self._folder = folder
        self._files = 0
        self._hurried: Counter[str] = Counter()

    def play(self, played: Round) -> list[Report]:
        """Play a round; raise AssertionError if a job ends wrongly, or something is left behind."""
        with plan_cleared(self.admin):
            self.admin.set(with_words_of_rows(played.plan))
            playing = self._begin(played)
            self.driver.until_final(
                playing.jobs, timeout_s=ROUND_S, aging=AGING, meanwhile=lambda jobs: self._act(jobs, playing.jobs)
            )
            # While the faults last: the deliveries are to meet them.
            self.inbox.wait([*(each.name for each in playing.dropped), *playing.odd], meanwhile=self.operator.act)
            self._count_faults()
        self.rest(REST_S)
        return self._judge_all(playing)

    def rest(self, timeout_s: float, *, delayed: bool = False) -> None:
        """Wait until nothing is in flight; the operator redrives dead letters.

        With ``delayed``, retries that are not visible yet count as in flight.
        """
        left: dict[str, int] = {}
        for _ in polling("nothing to be left in flight, there is", timeout_s, every_s=1.0, about=left):
            self.operator.act()
            # One look takes a while, and what moves from one queue to another meanwhile may be in
            # neither when its turn comes.
            for _ in range(2):
                left.clear()
                left.update(self._in_flight(delayed=delayed))
                if left:
                    break
            else:
                return

    def _in_flight(self, *, delayed: bool) -> dict[str, int]:
        """Count what is in flight, by its place, without places where nothing is."""
        places = {
            **self.queues.left(delayed=delayed),
            "the endpoint": self.queues.at_endpoint(),
            "executions": self._executions(),
        }
        return {place: count for place, count in places.items() if count}

    def _executions(self) -> int:
        """Count the running executions."""
        machine = self.driver.cloud.outputs["CuttingStateMachine"]
        listing = self.driver.cloud.client("stepfunctions").list_executions(
            stateMachineArn=machine, statusFilter="RUNNING"
        )
        return len(listing["executions"])

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

    def _begin(self, played: Round) -> _Playing:
        """Start all jobs of a round; files of the inbox are dropped first."""
        playing = _Playing()
        entries = played.entries or (None,) * len(played.jobs)
        drops: list[tuple[Dropped, RandomJob, Entry]] = []
        for number, odd in enumerate(played.odd_drops):
            name = f"{self._files}/odd-{number}.csv"
            playing.odd[name] = odd
            self.inbox.drop_odd(name, odd)
        for job, entry in zip(played.jobs, entries, strict=True):
            if entry is not None and entry.dropped:
                self._files += 1
                dropped = Dropped(f"{self._files}/rows.csv")
                self.inbox.drop(dropped, job, entry)
                drops.append((dropped, job, entry))
        playing.dropped = [dropped for dropped, _, _ in drops]
        for job, entry in zip(played.jobs, entries, strict=True):
            if entry is None or not entry.dropped:
                playing.jobs[self._submit(job, entry)] = job
        for dropped, job, entry in drops:
            playing.jobs[self.inbox.find_job(dropped, meanwhile=self.operator.act)] = job
            if entry.twice is Twice.EVENT:
                self.inbox.repeat_event(dropped)
            if entry.twice is Twice.FILE:
                self.inbox.drop(dropped, job, entry)
                playing.jobs[self.inbox.find_job(dropped, meanwhile=self.operator.act)] = job
            self.totals.update(
                {"drops": len(dropped.versions), f"files {entry.twice}": 1, "compressed files": int(entry.compressed)}
            )
        self.totals["drops that cannot be scored"] += len(playing.odd)
        return playing

    def _submit(self, job: RandomJob, entry: Entry | None) -> str:
        source = self.file(job.input.text)
        if entry is not None:
            self.totals["remote jobs"] += 1
            self.driver.cloud.client("s3").put_object(Bucket=SOURCES, Key=source.name, Body=entry.stored(job))
            options = replace(entry.options(job), job_key=source.stem)
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

    def _judge_all(self, playing: _Playing) -> list[Report]:
        """Judge the jobs, and what is in the outbox before and after each file's event came again."""
        judged = {job_id: self._judge(job_id, job) for job_id, job in playing.jobs.items()}
        for again in (True, False):
            for dropped in playing.dropped:
                self.inbox.check(dropped, [judged[job_id][:2] for job_id in dropped.jobs])
                if again:
                    self.inbox.repeat_event(dropped)
            for name, odd in playing.odd.items():
                self.inbox.check_odd(name, odd)
            if not playing.dropped:
                break
            self.rest(REST_S)
        assert not self.inbox.uploads(), f"uploads to the outbox are left: {self.inbox.uploads()}"
        return [report for _, _, report in judged.values()]

    def _judge(self, job_id: str, drawn: RandomJob) -> tuple[Job, Expectation, Report]:
        job, model_url = self.driver.client.status(job_id), self.driver.model_url
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
        return job, scored, report

    def _count_faults(self) -> None:
        shown = self.admin.show()
        for section, name in (("sagemaker", "endpoint"), ("functions", "functions")):
            self.totals[f"faults at {name}"] += shown[section]["counts"]["total"]
        for entry in self.admin.log()["functions"]:
            if entry["kind"].startswith("kill"):
                self.totals["functions killed"] += 1
