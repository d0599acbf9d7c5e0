"""The steps of a submit around its chunks: open the job, seal it, or abandon it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tailrace_core.errors import TailraceError
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.model import Job, JobSettings, JobState
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.ledger.finishing import finish_if_complete_steps
from tailrace_core.submission.chunk_steps import ChunkSteps, JobSession, open_job
from tailrace_core.submission.finishing import ManifestPublisher
from tailrace_core.submission.round_requests import ask_for_look

if TYPE_CHECKING:
    from tailrace_core.aws.calls import Steps
    from tailrace_core.submission.options import SubmitOptions
    from tailrace_core.submission.resources import Resources


class SubmitSteps:
    """The steps of a submit around its chunks: open the job, seal it, or abandon it on failure.

    ``submitted_by`` is the ARN of the identity that submits, for the job's description.
    """

    def __init__(
        self, resources: Resources, *, now: Callable[[], float], new_id: Callable[[], str], submitted_by: str | None
    ) -> None:
        self._resources = resources
        self._submitted_by = submitted_by
        self._ledger = DynamoSteps(resources.table)
        self._now = now
        self._new_id = new_id
        self._opening: str | None = None

    def open(self, settings: JobSettings, options: SubmitOptions, sources: Sequence[str]) -> Steps[JobSession]:
        """Create the job, or find the job that the key was used for.

        ``sources`` are the names of the input, for the job's description.
        """
        now = self._now()
        job = Job(
            job_id=self._new_id(),
            state=JobState.SUBMITTING,
            created_at=now,
            deadline_at=now + options.deadline_s,
            split_budget=settings.split_budget,
        )
        description = JobDescription.from_sources(
            sources,
            name=options.name,
            tags=options.tags,
            job_key=options.job_key,
            submitted_by=self._submitted_by,
        )
        self._opening = job.job_id
        session = yield from open_job(self._ledger, job, settings, options.job_key, description)
        self._opening = None
        return session

    def chunk_steps(self, session: JobSession) -> ChunkSteps:
        """Return the steps of the job's chunks."""
        return ChunkSteps(self._resources, self._ledger, session.job.job_id, session.settings, self._now)

    def seal(self, session: JobSession, rows_total: int | None) -> Steps[Job]:
        """Seal the job, finish it if all rows are settled, invoke waiting chunks that fit."""
        job_id = session.job.job_id
        if rows_total is not None and session.takes_chunks:
            yield from self._ledger.seal(job_id, rows_total)
        if rows_total is not None:
            yield from ask_for_look(job_id, session.settings, self._resources)
        job = yield from self.job(session)
        if job.complete:
            yield from finish_if_complete_steps(
                job_id, ledger=self._ledger, effects=ManifestPublisher(self._resources), now=self._now()
            )
            job = yield from self.job(session)
        chunks = self.chunk_steps(session)
        yield from chunks.confirm((yield from chunks.start_waiting(job)))
        return job

    def job(self, session: JobSession) -> Steps[Job]:
        """Read the job as it is now."""
        return (yield from self._ledger.job(session.job.job_id)) or session.job

    def abandon(self, session: JobSession, options: SubmitOptions, error: BaseException) -> Steps[None]:
        """Leave no half-made job open, unless it can be continued.

        ``error`` gets a note that states which.
        """
        from tailrace_core.submission.closing import abandon_job  # noqa: PLC0415 - needed after a failure only

        return abandon_job(session.job.job_id, options.job_key, error, resources=self._resources, now=self._now())

    def abandon_opening(self, options: SubmitOptions, error: BaseException) -> Steps[None]:
        """Do what `abandon` does for an `open` that ``error`` interrupted.

        There may be a job of which nobody has heard: the answer to its creation was on its way.
        """
        from tailrace_core.submission.closing import abandon_job  # noqa: PLC0415 - needed after a failure only

        job_id = self._opening
        try:
            if job_id is None or (yield from self._ledger.job(job_id)) is None:
                return
        except TailraceError as exc:
            error.add_note(f"job {job_id} may be open ({exc}); look with `tailrace status {job_id}`")
            return
        yield from abandon_job(job_id, options.job_key, error, resources=self._resources, now=self._now())
