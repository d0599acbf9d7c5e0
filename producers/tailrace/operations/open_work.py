"""The open work of a job: what is parked and why, and when the next attempt is due.

It is read in a bounded number of calls, so that `status` of a huge job stays cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailrace_core.jobs.model import Chunk, ChunkState, Job

if TYPE_CHECKING:
    from tailrace_core.aws.calls import Steps
    from tailrace_core.ledger.dynamo_steps import DynamoSteps

MAX_PAGES = 5
"""Most pages of chunks to read: each is one call and about 2,000 chunks."""
SHOWN = 5
"""Most parked chunks to show."""


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Parked, held and queued chunks of a job, as far as they were read."""

    job_id: str
    parked: tuple[Chunk, ...] = ()
    """The first parked chunks, in the order of rows; their ``reason`` is why they are parked."""
    parked_count: int = 0
    held_count: int = 0
    """Chunks that wait until a single row that is tried alone shows that the endpoint works."""
    retrying_count: int = 0
    """Chunks at their second or a later attempt since the last redrive, queued or in flight."""
    next_attempt_at: float | None = None
    """Time of the next queued attempt, in seconds since the epoch; None when none is queued."""
    round_number: int | None = None
    """The latest round of batch transform that open chunks belong to; None for another engine."""
    complete: bool = True
    """False when the job has more chunks than were read."""

    @property
    def transform_job(self) -> str | None:
        """Name of the transform job of that round, which may not have been created yet."""
        from tailrace_core.transforms.rounds import transform_job_name  # noqa: PLC0415 - most jobs have no rounds

        return None if self.round_number is None else transform_job_name(self.job_id, self.round_number)

    def redrive_command(self, stack: str, chunk: Chunk | None = None) -> str:
        """Return the command that redrives ``chunk``, or all parked chunks of the job."""
        if chunk is None:
            return f"tailrace parked redrive --all --job {self.job_id} --stack {stack} --yes"
        return f"tailrace parked redrive {self.job_id} {chunk.range.name} --stack {stack}"

    def hints(self, stack: str) -> list[str]:
        """Return why chunks are parked and what to do, a sentence a line; none if none is parked."""
        if not self.parked:
            return []
        from tailrace_core.jobs.reasons import lead  # noqa: PLC0415 - most jobs have nothing parked

        reasons = ((each.range.name, lead(each.reason or "no reason was recorded")) for each in self.parked)
        lines = [f"chunk {name} is parked: {reason}" for name, reason in reasons]
        more = self.parked_count - len(self.parked)
        lines += [f"{more} more chunk{'s' * (more != 1)} parked"] if more else []
        only = self.parked[0] if self.parked_count == 1 else None
        return [*lines, f"fix the cause, then go on with `{self.redrive_command(stack, only)}`"]

    def explain(self, error: BaseException, stack: str) -> None:
        """Add the hints to an error as notes."""
        for hint in self.hints(stack):
            error.add_note(hint)


def open_work(job: Job, ledger: DynamoSteps) -> Steps[OpenWork]:
    """Read the open work of a job, in `MAX_PAGES` calls at most; none for a job that has ended."""
    chunks: list[Chunk] = []
    after = None
    for page_number in range(MAX_PAGES if _may_have_any(job) else 0):
        page, after = yield from ledger.chunks_page(job.job_id, after if page_number else None)
        chunks += [each for each in page if each.state is ChunkState.OPEN]
        if not after:
            break
    parked = [each for each in chunks if each.parked]
    retries = [each.retry for each in chunks if each.retry is not None]
    return OpenWork(
        job_id=job.job_id,
        parked=tuple(parked[:SHOWN]),
        parked_count=len(parked),
        retrying_count=sum(not each.parked and (each.retry is not None or each.tries > 1) for each in chunks),
        held_count=sum(each.held for each in retries),
        next_attempt_at=min((each.at for each in retries), default=None),
        round_number=_latest_round(chunks),
        complete=not after,
    )


def _latest_round(chunks: list[Chunk]) -> int | None:
    from tailrace_core.transforms.rounds import round_of  # noqa: PLC0415 - not for a job that has ended

    found = (round_of(each.output_location) for each in chunks)
    return max((number for number in found if number is not None), default=None)


def _may_have_any(job: Job) -> bool:
    return job.state.accepts_results and job.chunks_in_flight > 0
