"""Three concurrent jobs on the deployed stack, each with its own trouble, selected by id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ulid import ULID

from tailrace import Tailrace
from tailrace_core.jobs.model import Job, JobState
from tailrace_core.submission.options import SubmitOptions
from tailrace_local.control.fault_admin import CloudFaultPlan
from tests.faults.deployed.cloud_driver import Aging, polling
from tests.faults.deployed.demand_input import DemandInput, Flaw
from tests.faults.deployed.faulty_cloud import plan_cleared
from tests.faults.deployed.outcomes import check
from tests.faults.deployed.random_faults import rule
from tests.faults.deployed.rounds import RoundRunner
from tests.faults.verdict import Report
from tests.integration.pipeline.demand_rows import demand_rows

_TIMEOUT_S = 300.0
_POISON_WINDOW = 4
"""As many chunks as the bad rows make: the rest of a split chunk then waits until a row is settled,
however the queues order messages."""
_LOOK = Aging(300.0, every_s=2.0)
"""Ages chunks by the reconciler's period of five minutes between its runs, not by the time to
live."""


class Trouble(StrEnum):
    """Trouble of a job."""

    POISON = "every row is bad"
    UNHEARD = "every notification is lost"
    DOWN = "the endpoint does not answer"


@dataclass(frozen=True)
class TroubledJob:
    """One of the jobs, with its input."""

    job_id: str
    input: DemandInput
    chunk_rows: int
    window: int = SubmitOptions().window

    @property
    def chunks(self) -> int:
        """Number of chunks that the producer made."""
        return -(-len(self.input.rows) // self.chunk_rows)


class FixedJobs:
    """The three jobs and their outcomes."""

    def __init__(self, runner: RoundRunner, seed: int) -> None:
        self._stage = runner
        self.jobs = {trouble: _job(trouble, seed) for trouble in Trouble}
        self.requests_while_down = 0

    def run(self) -> None:
        """Run all jobs to rest; the endpoint recovers once the job without answers is parked."""
        driver, ids = self._stage.driver, {trouble: job.job_id for trouble, job in self.jobs.items()}
        rules = [
            rule("drop", inference_id=f"^{ids[Trouble.UNHEARD]}"),
            rule("no_response", inference_id=f"^{ids[Trouble.DOWN]}"),
        ]
        with plan_cleared(self._stage.admin):
            self._stage.admin.set(CloudFaultPlan.model_validate({"sagemaker": {"rules": rules}}))
            for trouble in Trouble:
                self._submit(trouble)
            driver.until_final([ids[Trouble.UNHEARD]], timeout_s=_TIMEOUT_S, aging=_LOOK)
            driver.until_final([ids[Trouble.POISON]], timeout_s=_TIMEOUT_S)
            self._until_parked(self.jobs[Trouble.DOWN])
        self.requests_while_down = self.requests(Trouble.DOWN)
        # A receive may leave some of the parked messages in their queue.
        driver.until_final([ids[Trouble.DOWN]], timeout_s=_TIMEOUT_S, meanwhile=lambda _: self._stage.operator.act())

    def job(self, trouble: Trouble) -> Job:
        """Get the job from the ledger."""
        return self._stage.driver.client.status(self.jobs[trouble].job_id)

    def requests(self, trouble: Trouble) -> int:
        """Count the invocations for the job: the attempts of all chunks that it ever had."""
        return sum(chunk.attempt for chunk in self._stage.driver.chunks(self.jobs[trouble].job_id))

    def check(self, trouble: Trouble, expected: JobState | None = None) -> Report:
        """Raise AssertionError unless the job ended as expected."""
        job, driver = self.jobs[trouble], self._stage.driver
        scored = job.input.scored(driver.model_url)
        return check(driver, self._stage.queues, job.job_id, scored, expected=expected)

    def _submit(self, trouble: Trouble) -> None:
        job, cloud = self.jobs[trouble], self._stage.driver.cloud
        source = self._stage.file(job.input.text)
        with Tailrace(
            cloud.facts.stack, session=cloud.session(), endpoint_url=cloud.endpoint_url, new_id=lambda: job.job_id
        ) as client:
            client.submit(str(source), chunk_rows=job.chunk_rows, keep=job.input.keep, window=job.window)

    def _until_parked(self, job: TroubledJob) -> None:
        for _ in polling("all of it to be parked", _TIMEOUT_S):
            leaves = [each for each in self._stage.driver.chunks(job.job_id) if each.state.leaf]
            if all(chunk.parked for chunk in leaves):
                return


def _job(trouble: Trouble, seed: int) -> TroubledJob:
    job_id = str(ULID())
    match trouble:
        case Trouble.POISON:
            return TroubledJob(job_id, _demand(400, seed, range(400)), 100, _POISON_WINDOW)
        case Trouble.UNHEARD:
            return TroubledJob(job_id, _demand(12, seed, [5]), 4)
        case Trouble.DOWN:
            return TroubledJob(job_id, _demand(40, seed, []), 10)


def _demand(count: int, seed: int, bad: Iterable[int]) -> DemandInput:
    return DemandInput(demand_rows(count, seed), dict.fromkeys(bad, Flaw.PRICE), keyed=True)
