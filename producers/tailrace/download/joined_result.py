"""A result joined inside S3: large parts are copied by S3 and do not pass through the client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tailrace.download.counts import Download
from tailrace.download.object_upload import S3Target
from tailrace.download.parts import slices
from tailrace.download.targets import is_plain
from tailrace.progress import DownloadProgress, OnProgress
from tailrace_core.aws.calls import run
from tailrace_core.csv_text.headers import header_line
from tailrace_core.errors import ContractError
from tailrace_core.messages.manifest import Manifest
from tailrace_core.objects.joining.plan import JoinPart, JoinPlan, JoinSource, plan_join
from tailrace_core.objects.joining.upload import JoinUpload, Uploaded


def plan_joined(target: S3Target | None, manifest: Manifest, *, safe_csv: bool) -> JoinPlan | None:
    """Return the plan of joining the job's parts at the target.

    None where nothing is gained: the parts are below 5 MiB, or the result is not their
    concatenation (compressed, Parquet, ``safe_csv``). They are read and written then.
    """
    if target is None or safe_csv or not is_plain(target.address):
        return None
    # Checks that each part has a location.
    sources = [
        JoinSource(each.part.key or "", each.part.size_bytes or 0, each.part.checksum)
        for each in slices(manifest, slice_bytes=2**63)
    ]
    plan = plan_join(sources, head=header_line(manifest.columns))
    return plan if any(part.copied for part in plan.parts) else None


class JoinedResult:
    """A multipart upload under way. Upload all batches in any order."""

    def __init__(
        self, target: S3Target, upload: JoinUpload, upload_id: str, manifest: Manifest, on_progress: OnProgress
    ) -> None:
        self._target = target
        self._upload = upload
        self._upload_id = upload_id
        self._manifest = manifest
        self._on_progress = on_progress
        self._rows_of = {part.key: part.rows for part in manifest.parts}
        self._rows = self._size_bytes = 0
        self.uploaded: dict[int, Uploaded] = {}

    def upload(self, parts: Sequence[JoinPart]) -> None:
        """Upload parts, all at once.

        Raises:
            ContractError: a part is not what the manifest says.
        """
        with ThreadPoolExecutor(len(parts), thread_name_prefix="tailrace-join") as pool:
            for part, done in zip(parts, pool.map(self._upload_one, parts), strict=True):
                self.uploaded[part.number] = done
        for part in parts:
            self._size_bytes += part.size_bytes
            ended = (each.source.key for each in part.fragments if each.stop == each.source.size_bytes)
            self._rows += sum(map(self._rows_of.__getitem__, ended))
        self._on_progress(
            DownloadProgress(
                job_id=self._manifest.job_id,
                rows=self._rows,
                rows_total=self._manifest.rows_total,
                size_bytes=self._size_bytes,
            )
        )

    def check_total(self) -> None:
        """Check that all rows of the job have been uploaded.

        Raises:
            ContractError: they have not.
        """
        if self._rows != self._manifest.rows_total:
            raise ContractError(
                f"the parts of job {self._manifest.job_id} hold {self._rows} of {self._manifest.rows_total} rows"
            )

    def counts(self) -> Download:
        """Return what was written, once all of it was."""
        return Download(
            job_id=self._manifest.job_id,
            rows=self._rows,
            rows_scored=self._manifest.rows_scored,
            rows_rejected=self._manifest.rows_rejected,
            size_bytes=self._size_bytes,
            target=self._target.address,
        )

    def _upload_one(self, part: JoinPart) -> Uploaded:
        return run(self._upload.upload(self._upload_id, part), self._target.execute)


@contextmanager
def open_joined(
    target: S3Target, plan: JoinPlan, manifest: Manifest, *, bucket: str, on_progress: OnProgress
) -> Iterator[JoinedResult]:
    """Begin the upload; the object appears when the block ends without an error.

    S3 compares the result's size and checksum with what the manifest says of the parts.
    """
    with target.translated():
        upload = JoinUpload(plan, bucket=bucket, target=target.location)
        upload_id = run(upload.begin({}), target.execute)
        try:
            joined = JoinedResult(target, upload, upload_id, manifest, on_progress)
            yield joined
            joined.check_total()
            run(upload.complete(upload_id, joined.uploaded, target.condition), target.execute)
        except BaseException:
            run(upload.abort(upload_id), target.execute)
            raise


def batches(plan: JoinPlan, *, concurrency: int, bytes_in_flight: int) -> Iterator[Sequence[JoinPart]]:
    """Divide the parts into batches to upload at once, each of few bytes to read."""
    batch: list[JoinPart] = []
    read = 0
    for part in plan.parts:
        size_bytes = 0 if part.copied else part.size_bytes
        if batch and (len(batch) == concurrency or read + size_bytes > bytes_in_flight):
            yield batch
            batch, read = [], 0
        batch.append(part)
        read += size_bytes
    if batch:
        yield batch
