"""The handle of a submitted job: wait for it, read its result, cancel it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import io

    import pandas as pd
    import pyarrow as pa

    from tailrace.client.sync_jobs import SubmittedJobs
    from tailrace.download.counts import Download
    from tailrace.download.result_stream import Part
    from tailrace.progress import ShowProgress
    from tailrace.sources.names import Names
    from tailrace.submit.submitter import Submission
    from tailrace_core.csv_text.rejects import Reject
    from tailrace_core.jobs.model import Job as JobStatus


class JobHandle:
    """The id of a job and what was submitted; shared by `Job` and `AsyncJob`."""

    def __init__(self, submission: Submission, stack: str) -> None:
        self.submission = submission
        """The end of the submit: the job as it was then, the chunks sent, the bytes read."""
        self._stack = stack
        self._known = submission.job

    @property
    def id(self) -> str:
        """The job's id: give it to `Tailrace.job`, or to the commands."""
        return self.submission.job_id

    @property
    def job_id(self) -> str:
        """The job's id, as in events and manifests."""
        return self.id

    @property
    def job(self) -> JobStatus:
        """The job at the end of the submit; `status` reads it as it is now."""
        return self.submission.job

    @property
    def continued(self) -> bool:
        """True if the submit continued a job that an earlier one had begun."""
        return self.submission.continued

    @property
    def chunks_sent(self) -> int:
        """Chunks that this submit sent."""
        return self.submission.chunks_sent

    @property
    def chunks_skipped(self) -> int:
        """Chunks that an earlier submit had sent already."""
        return self.submission.chunks_skipped

    @property
    def bytes_read(self) -> int:
        """Bytes read from the source, as stored there."""
        return self.submission.bytes_read

    def __repr__(self) -> str:
        job = self._known
        total = "?" if job.rows_total is None else f"{job.rows_total:,}"
        return (
            f"<{type(self).__name__} {self.id} of stack {self._stack}: {job.state}, "
            f"{job.rows_settled:,} of {total} rows settled when last read>"
        )

    def _note(self, status: JobStatus) -> JobStatus:
        self._known = status
        return status


class Job(JobHandle):
    """A submitted job, as `Tailrace.submit` and `Tailrace.job` return it.

    `result`, `to_pandas`, `to_arrow`, `download`, `rejects` and iteration wait for what they
    return. ``timeout_s`` bounds the wait, in seconds (None: until the job's deadline);
    ``progress`` is that of `Tailrace.wait`. All raise `TimedOutError` when the time is over: the
    job goes on, and the call may be repeated.

    Iteration yields the `Part` objects in the order of rows, each as soon as it and those before it
    are there.
    """

    def __init__(self, client: SubmittedJobs, submission: Submission, stack: str) -> None:
        super().__init__(submission, stack)
        self._client = client

    def status(self) -> JobStatus:
        """Return the job as it is now: its state, counters in rows, times."""
        return self._note(self._client.status(self.id))

    def wait(self, *, timeout_s: float | None = None, progress: ShowProgress = None) -> JobStatus:
        """Return the job in its final state. See `Tailrace.wait`."""
        return self._note(self._client.wait(self.id, timeout_s=timeout_s, progress=progress))

    def result(self, *, timeout_s: float | None = None, progress: ShowProgress = None) -> io.BufferedReader:
        """Wait, and return the whole result as a binary file to read from once.

        It streams: CSV in UTF-8, a header first. Each part is verified as it comes. Close the file,
        or use it in ``with``.

        Raises:
            InputError: the job has no whole result.
            ContractError: while reading: a part is not what the manifest says.
        """
        self.wait(timeout_s=timeout_s, progress=progress)
        return self._client.result(self.id)

    def to_pandas(
        self,
        *,
        dtype: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        progress: ShowProgress = None,
    ) -> pd.DataFrame:
        """Wait, and return the result as a DataFrame. Needs ``tailrace[pandas]``.

        Number columns of the model are ``float64``, NaN where a row was rejected. Kept columns and
        text are ``str``, so that ``007`` stays; ``dtype`` names other types for some columns.

        Raises:
            InputError: the job has no whole result, or pandas is not installed.
        """
        from tailrace.download.tables.reading import read_pandas  # noqa: PLC0415 - needed for tables only

        with self.result(timeout_s=timeout_s, progress=progress) as file:
            return read_pandas(file, self._client.column_types(self.id), dtype)

    def to_arrow(self, *, timeout_s: float | None = None, progress: ShowProgress = None) -> pa.Table:
        """Wait, and return the result as an Arrow table. Needs ``tailrace[arrow]``.

        Number columns of the model are doubles, null where a row was rejected; all others are text.

        Raises:
            InputError: the job has no whole result, or pyarrow is not installed.
        """
        from tailrace.download.tables.reading import read_arrow  # noqa: PLC0415 - needed for tables only

        with self.result(timeout_s=timeout_s, progress=progress) as file:
            return read_arrow(file, self._client.column_types(self.id))

    def download(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        safe_csv: bool = False,
        replace_input: bool = False,
        clobber: bool = True,
        timeout_s: float | None = None,
        progress: ShowProgress = None,
    ) -> Download:
        """Wait, and write the result; return its counts. See `Tailrace.download`."""
        self.wait(timeout_s=timeout_s, progress=progress)
        return self._client.download(
            self.id, target, safe_csv=safe_csv, replace_input=replace_input, clobber=clobber, progress=progress
        )

    def rejects(
        self, *, source: Names | None = None, timeout_s: float | None = None, progress: ShowProgress = None
    ) -> Iterator[Reject]:
        """Wait, and yield the rejected rows in order. See `Tailrace.rejects`."""
        self.wait(timeout_s=timeout_s, progress=progress)
        return self._client.rejects(self.id, source=source)

    def parts(self, *, timeout_s: float | None = None, progress: ShowProgress = None) -> Generator[Part, None, None]:
        """Yield the parts as they come. See `Tailrace.parts`."""
        return self._client.parts(self.id, timeout_s=timeout_s, progress=progress)

    def cancel(self, reason: str = "cancelled by its owner") -> JobStatus:
        """Close the job if it is under way, and return it as it is then."""
        return self._note(self._client.cancel(self.id, reason))

    def __iter__(self) -> Iterator[Part]:
        return self.parts()
