"""The handle of a job submitted by `AsyncTailrace`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import IO, TYPE_CHECKING, Any, TypeVar

from tailrace.client.async_jobs import AsyncSubmittedJobs
from tailrace.client.job import JobHandle
from tailrace.download.counts import Download
from tailrace.download.result_stream import Part
from tailrace.progress import ShowProgress
from tailrace.sources.file_thread import FileThread
from tailrace.sources.names import Names
from tailrace.submit.submitter import Submission
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.jobs.model import Job as JobStatus

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


T = TypeVar("T")


class AsyncJob(JobHandle):
    """`tailrace.Job` with coroutines: arguments, results and errors are the same.

    ``async for part in job`` yields the parts as they come; `result` is an async iterator of bytes.
    """

    def __init__(self, client: AsyncSubmittedJobs, submission: Submission, stack: str) -> None:
        super().__init__(submission, stack)
        self._client = client

    async def status(self) -> JobStatus:
        """See `Job.status`."""
        return self._note(await self._client.status(self.id))

    async def wait(self, *, timeout_s: float | None = None, progress: ShowProgress = None) -> JobStatus:
        """See `Job.wait`."""
        return self._note(await self._client.wait(self.id, timeout_s=timeout_s, progress=progress))

    async def result(
        self, *, timeout_s: float | None = None, progress: ShowProgress = None
    ) -> AsyncGenerator[bytes, None]:
        """Wait, and return an async iterator of the result's blocks of bytes; see `Job.result`.

        Close it (`contextlib.aclosing`) if you stop early.
        """
        await self.wait(timeout_s=timeout_s, progress=progress)
        return self._client.result(self.id)

    async def to_pandas(
        self,
        *,
        dtype: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
        progress: ShowProgress = None,
    ) -> pd.DataFrame:
        """See `Job.to_pandas`. A temporary file holds the result meanwhile."""
        from tailrace.download.tables.reading import read_pandas  # noqa: PLC0415 - needed for tables only

        types = await self._client.column_types(self.id)
        return await self._read(lambda file: read_pandas(file, types, dtype), timeout_s, progress)

    async def to_arrow(self, *, timeout_s: float | None = None, progress: ShowProgress = None) -> pa.Table:
        """See `Job.to_arrow`. A temporary file holds the result meanwhile."""
        from tailrace.download.tables.reading import read_arrow  # noqa: PLC0415 - needed for tables only

        types = await self._client.column_types(self.id)
        return await self._read(lambda file: read_arrow(file, types), timeout_s, progress)

    async def download(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        safe_csv: bool = False,
        replace_input: bool = False,
        clobber: bool = True,
        timeout_s: float | None = None,
        progress: ShowProgress = None,
    ) -> Download:
        """See `Job.download`."""
        await self.wait(timeout_s=timeout_s, progress=progress)
        return await self._client.download(
            self.id, target, safe_csv=safe_csv, replace_input=replace_input, clobber=clobber, progress=progress
        )

    async def rejects(
        self, *, source: Names | None = None, timeout_s: float | None = None, progress: ShowProgress = None
    ) -> AsyncGenerator[Reject, None]:
        """See `Job.rejects`. An async iterator, as `AsyncTailrace.rejects`."""
        await self.wait(timeout_s=timeout_s, progress=progress)
        async for reject in self._client.rejects(self.id, source=source):
            yield reject

    def parts(self, *, timeout_s: float | None = None, progress: ShowProgress = None) -> AsyncGenerator[Part, None]:
        """See `Job.parts`. Close it (`contextlib.aclosing`) if you stop early."""
        return self._client.parts(self.id, timeout_s=timeout_s, progress=progress)

    async def cancel(self, reason: str = "cancelled by its owner") -> JobStatus:
        """See `Job.cancel`."""
        return self._note(await self._client.cancel(self.id, reason))

    def __aiter__(self) -> AsyncIterator[Part]:
        return self.parts()

    async def _read(self, read: Callable[[IO[bytes]], T], timeout_s: float | None, progress: ShowProgress) -> T:
        with tempfile.TemporaryFile() as file:
            await self.download(file, timeout_s=timeout_s, progress=progress)
            async with FileThread() as files:
                file.seek(0)
                return await files.run(read, file)
