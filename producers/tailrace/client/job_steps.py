"""Reading, listing and cancelling jobs, as steps that both clients run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tailrace_core.errors import InputError, NotFoundError
from tailrace_core.jobs.description import DescribedJob
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.objects import keys

# What single methods need is imported there: `status` starts in half of the time.
if TYPE_CHECKING:
    from tailrace.aws.stacks import Stack
    from tailrace.download.rejects_summary.summary import RejectsSummary
    from tailrace.download.source_records import SubmittedRange
    from tailrace.download.tables.column_types import ColumnTypes
    from tailrace.operations.job_search import FoundJobs, JobFilter
    from tailrace.operations.open_work import OpenWork
    from tailrace.operations.report_data import ReportData
    from tailrace_core.aws.calls import Call, Steps
    from tailrace_core.messages.manifest import Manifest, ManifestPart

SHAPE_NOTE = "shape"
_SETTLED_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class HistoryRecord:
    """An entry of the history of a job or of one of its chunks."""

    range: RowRange | None
    """The chunk's rows; None for the job."""
    entry: HistoryEntry


class JobSteps:
    """Reads and ends the jobs of one stack. ``now`` gives seconds since the epoch.

    All methods that take a job's id raise `InputError` when the stack has no such job.
    """

    def __init__(self, stack: Stack, *, now: Callable[[], float]) -> None:
        self._stack = stack
        self._ledger = DynamoSteps(stack.table)
        self._now = now

    def status(self, job_id: str) -> Steps[Job]:
        """Read the job as it is now."""
        job = yield from self._ledger.job(job_id)
        if job is None:
            raise self._unknown(job_id)
        return job

    def open_work(self, job_id: str) -> Steps[OpenWork]:
        """Read what is parked and queued of the job, in a bounded number of calls."""
        job = yield from self.status(job_id)
        return (yield from self.open_work_of(job))

    def open_work_of(self, job: Job) -> Steps[OpenWork]:
        """Read the same of a job that was just read."""
        from tailrace.operations.open_work import open_work

        return open_work(job, self._ledger)

    def settings(self, job_id: str) -> Steps[JobSettings]:
        """Read the settings that the job was submitted with."""
        settings = yield from self._ledger.settings(job_id)
        if settings is None:
            raise self._unknown(job_id)
        return settings

    def jobs(self, limit: int) -> Steps[list[Job]]:
        """Read the newest jobs, newest first."""
        return self._ledger.jobs(limit)

    def describe(self, job_id: str) -> Steps[DescribedJob]:
        """Read the job as it is now, with its description."""
        job = yield from self.status(job_id)
        return DescribedJob(job, (yield from self._ledger.description(job_id)))

    def find(self, wanted: JobFilter, limit: int) -> Steps[FoundJobs]:
        """Read the newest jobs that ``wanted`` chooses."""
        from tailrace.operations.job_search import find_jobs

        return find_jobs(self._ledger, wanted, limit)

    def cancel(self, job_id: str, reason: str) -> Steps[Job]:
        """Close a job that is under way, and read it as it is then."""
        from tailrace.aws.callers import caller_arn
        from tailrace.operations.cutting import CuttingLook
        from tailrace_core.submission.closing import end_job

        job = yield from self.status(job_id)
        if not job.state.final:
            who = yield from caller_arn()
            yield from end_job(job_id, JobState.CANCELLED, reason, resources=self._stack, now=self._now(), who=who)
            job = yield from self.status(job_id)
        if self._stack.cutting_machine is not None and JobState.CANCELLED in {job.state, job.outcome}:
            # After the job is closed: an execution that is stopped before has its job failed.
            yield from CuttingLook(self._stack.cutting_machine, job_id).stop()
        return job

    def chunks_page(self, job_id: str, after: Any = None) -> Steps[tuple[list[Chunk], Any]]:
        """Read one page of the job's chunks by range, and the next page's start (None if last)."""
        return self._ledger.chunks_page(job_id, after)

    def history(self, job_id: str) -> Steps[list[HistoryRecord]]:
        """Read the history of the job and of all its chunks, in the order of time."""
        job = yield from self.status(job_id)
        found = [HistoryRecord(None, entry) for entry in job.history]
        after: Any = None
        while True:
            page, after = yield from self._ledger.chunks_page(job_id, after)
            found += [HistoryRecord(chunk.range, entry) for chunk in page for entry in chunk.history]
            if not after:
                return sorted(found, key=lambda each: each.entry.at)

    def report_data(self, job_id: str) -> Steps[ReportData]:
        """Read what a finished job's report shows, in three reads."""
        from tailrace.operations.report_data import read_report

        return read_report(job_id, self._ledger, self._stack.bucket)

    def manifest(self, job_id: str) -> Steps[Manifest]:
        """Read the final summary of a job.

        Raises:
            InputError: the job is under way.
            ContractError: the manifest is not there or is not of the job.
        """
        job = yield from self.status(job_id)
        if not job.state.final:
            raise InputError(f"job {job_id} is {job.state}: wait for it first with `tailrace wait {job_id}`")
        return (yield from self._manifest(job))

    def result(self, job_id: str) -> Steps[Manifest]:
        """Read the manifest of a job that has a whole result.

        Raises:
            InputError: the job is under way, or ended early.
            ContractError: the manifest is not there or is not of the job.
        """
        from tailrace.download.parts import require_delivered

        job = yield from self.status(job_id)
        require_delivered(job)
        return (yield from self._manifest(job))

    def column_types(self, job_id: str) -> Steps[ColumnTypes]:
        """Read the types of the result's columns."""
        from tailrace.download.tables.column_types import column_types

        settings = yield from self.settings(job_id)
        shape = None if settings.output_type else (yield from self._ledger.note(job_id, SHAPE_NOTE))
        return column_types(settings, shape)

    def settled_from(self, job_id: str, first_row: int) -> Steps[tuple[list[ManifestPart], int]]:
        """Read the settled parts from a row up to the first open chunk, in order.

        Returns them, and the row at which the next ones begin. Cancelled rows have no part.
        """
        from tailrace_core.messages.manifest import manifest_part

        found: list[ManifestPart] = []
        after, row = None, first_row
        while True:
            page, after = yield from self._ledger.chunks_page(
                job_id, after, first_row=first_row, limit=_SETTLED_AT_A_TIME
            )
            for chunk in page:
                if not chunk.state.leaf:
                    continue
                if chunk.state is ChunkState.OPEN or chunk.range.first_row != row:
                    return found, row
                row = chunk.range.end
                if chunk.state is not ChunkState.CANCELLED:
                    found.append(manifest_part(chunk))
            if not after or len(found) >= _SETTLED_AT_A_TIME:
                return found, row

    def rejects_calls(self, job_id: str) -> Steps[list[Call]]:
        """Return the calls that read the objects of a finished job's rejected rows, in order."""
        from tailrace.download.parts import object_call, rejects_keys

        manifest = yield from self.manifest(job_id)
        return [object_call(self._stack.bucket, key) for key in rejects_keys(manifest)]

    def submitted_ranges(self, job_id: str) -> Steps[list[SubmittedRange]]:
        """Read the ranges that the job was submitted in, in order, with their checksums."""
        from tailrace.download.source_records import SubmittedRange

        found: list[SubmittedRange] = []
        after = None
        while True:
            page, after = yield from self._ledger.chunks_page(job_id, after)
            # A child of a split has no checksum, and its rows are those of its ancestor.
            found += [SubmittedRange(each.range, each.input_checksum) for each in page if each.input_checksum]
            if not after:
                return sorted(found, key=lambda each: each.range)

    def rejects_summary(self, job_id: str) -> Steps[RejectsSummary | None]:
        """Summarize a job's rejected rows; None if there are none.

        A running job is summarized by the first page of its chunks.
        """
        from tailrace.download.rejects_summary.summary import settled_chunks, settled_in, summarize_rejects

        job = yield from self.status(job_id)
        if not job.rows_rejected:
            return None
        settings = yield from self.settings(job_id)
        if job.state.final:
            settled = settled_in((yield from self._manifest(job)))
        else:
            page, _ = yield from self._ledger.chunks_page(job_id)
            settled = settled_chunks(page)
        return (yield from summarize_rejects(job, settings, settled, self._stack.bucket))

    def _manifest(self, job: Job) -> Steps[Manifest]:
        from tailrace.download.parts import missing_manifest_error, object_call, read_manifest

        try:
            body = yield object_call(self._stack.bucket, keys.manifest_key(job.job_id))
        except NotFoundError as exc:
            raise missing_manifest_error(job, exc) from exc
        return read_manifest(body, job)

    def _unknown(self, job_id: str) -> InputError:
        return InputError(f"stack {self._stack.name} has no job {job_id}; list its jobs with `tailrace jobs`")
