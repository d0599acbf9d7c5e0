"""SealCutting: records the number of a job's rows when all its stripes are cut. Repeatable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from tailrace_consumers.files.cutting_resources import CuttingResources
from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.errors import NotFoundError, PermanentError
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.submission.chunk_steps import JobSession
from tailrace_core.submission.resuming import PreviousChunks
from tailrace_core.submission.stripe_steps import StripeSteps
from tailrace_core.submission.submit_steps import SubmitSteps

if TYPE_CHECKING:
    from tailrace_consumers.settings import CuttingSettings

T = TypeVar("T")


class SealCutting:
    """Seals jobs. ``execute`` carries out calls."""

    def __init__(self, settings: CuttingSettings, execute: Callable[[Call], Any], *, now: Callable[[], float]) -> None:
        resources = CuttingResources(settings)
        self._ledger = DynamoSteps(settings.ledger_table)
        self._submit = SubmitSteps(resources, now=now, new_id=_no_new_id, submitted_by=None)
        self._execute = execute

    def seal(self, job_id: str, rows_total: int) -> str:
        """Seal the job, finish it if all rows are settled; return its state.

        Waiting chunks that fit the window are invoked: nobody else does that if all that was in
        flight was settled before they were recorded.

        Raises:
            PermanentError: the job has another number of rows, or is not in the ledger.
            TransientError: a call failed for now.
        """
        return self._run(self._seal(job_id, rows_total))

    def _seal(self, job_id: str, rows_total: int) -> Steps[str]:
        job = yield from self._ledger.job(job_id)
        settings = yield from self._ledger.settings(job_id)
        if job is None or settings is None:
            raise NotFoundError(f"job {job_id} is not in the ledger any more")
        session = JobSession(job, settings, PreviousChunks(()))
        job = yield from self._submit.seal(session, rows_total)
        if job.state.accepts_results:
            if job.rows_total != rows_total:
                raise PermanentError(
                    f"job {job_id} has {job.rows_settled} rows settled and a total of {job.rows_total}, and "
                    f"{rows_total} rows were counted; report a bug in Tailrace"
                )
            if job.chunks_waiting:
                chunks = self._submit.chunk_steps(session)
                yield from chunks.confirm((yield from StripeSteps(chunks).fill_window()))
        return job.state.value

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._execute)


def _no_new_id() -> str:
    raise AssertionError("a job that is sealed has its id")
