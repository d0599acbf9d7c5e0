"""Events of the newest jobs, rebuilt from the ledger and the manifests: a look that takes nothing.

SQS has no way to look at a message: each receive counts towards the dead letters. Events follow
from what they report, so those of a finished job can be written again. The ids are the same; the
body, and the service's times, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from tailrace.operations.results.unknown import Event
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.messages.events import JobFinished, PartReady
from tailrace_core.messages.manifest import Manifest
from tailrace_core.objects import keys


def published_events(manifest: Manifest, bucket: str) -> Iterator[Event]:
    """Yield the events of a finished job: its parts in order, then its end."""
    for part in manifest.parts:
        if part.key is None or part.size_bytes is None or part.checksum is None:
            continue
        yield PartReady(
            event_id=PartReady.id_of(manifest.job_id, RowRange(part.first_row, part.rows)),
            job_id=manifest.job_id,
            endpoint=manifest.endpoint,
            first_row=part.first_row,
            rows=part.rows,
            rejected=part.rejected,
            not_isolated=part.not_isolated,
            location=f"s3://{bucket}/{part.key}",
            rejects_location=f"s3://{bucket}/{part.rejects_key}" if part.rejects_key else None,
            size_bytes=part.size_bytes,
            checksum=part.checksum,
            columns=manifest.columns,
        )
    yield JobFinished(
        event_id=f"JobFinished:{manifest.job_id}",
        job_id=manifest.job_id,
        endpoint=manifest.endpoint,
        state=manifest.state,
        rows_total=manifest.rows_total,
        rows_scored=manifest.rows_scored,
        rows_rejected=manifest.rows_rejected,
        rows_not_isolated=manifest.rows_not_isolated,
        rows_cancelled=manifest.rows_cancelled,
        reason=manifest.reason,
        manifest_location=f"s3://{bucket}/{keys.manifest_key(manifest.job_id)}",
        finished_at=manifest.finished_at,
    )
