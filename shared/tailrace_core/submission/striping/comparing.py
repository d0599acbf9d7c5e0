"""Compares the objects of an input with those that a job was begun with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tailrace_core.aws.calls import BodyCall, Steps
from tailrace_core.errors import AccessDeniedError, JobKeyError, NotFoundError
from tailrace_core.objects import keys
from tailrace_core.objects.listing import list_sources
from tailrace_core.submission.striping.manifest import Stripe
from tailrace_core.submission.striping.request import CuttingRequest, SourceName
from tailrace_core.submission.striping.runs import run_from_dict

if TYPE_CHECKING:
    from tailrace_core.submission.chunk_steps import JobSession


def require_same(session: JobSession, request: CuttingRequest, job_key: str | None, bucket: str) -> Steps[None]:
    """Refuse other objects than those that a job, which is continued, was begun with.

    Takes a call for each 1,000 objects below a prefix. Those of a job that is not sealed may not be
    listed yet. ``bucket`` is the stack's.

    Raises:
        JobKeyError: they differ, or nobody can tell.
    """
    job_id = session.job.job_id
    try:
        # The request of a job that takes chunks is compared when it is stored.
        if not session.takes_chunks:
            stored = yield BodyCall("s3", "get_object", {"Bucket": bucket, "Key": keys.cutting_request_key(job_id)})
            if CuttingRequest.from_json(stored) != request:
                raise other_input(job_id, job_key)
        if any(each.is_prefix for each in request.sources):
            body = yield BodyCall("s3", "get_object", {"Bucket": bucket, "Key": keys.stripes_key(job_id)})
            difference = yield from _difference(dict(_objects(body)), request.sources)
            if difference is not None:
                raise other_input(job_id, job_key, difference)
    except (NotFoundError, AccessDeniedError) as exc:
        # S3 answers 403 for a missing object where the identity may not list the bucket.
        if session.job.rows_total is not None:
            raise JobKeyError(
                f"nobody can tell whether job {job_id} of job key {job_key!r} has these objects ({exc.message}): it "
                "was submitted without --remote, or you may not read its v1/jobs/…/cutting/; submit it without "
                "--remote again, or use another key",
                key=job_key,
                job_id=job_id,
            ) from exc


def other_input(
    job_id: str, job_key: str | None, difference: str = "other objects, or other versions of them"
) -> JobKeyError:
    """Return the error for an input that a job key was not used with."""
    return JobKeyError(
        f"the input differs from what job key {job_key!r} was used with (job {job_id}): {difference}; submit the same "
        "to continue that job, or use another key",
        key=job_key,
        job_id=job_id,
    )


def _difference(begun: dict[str, str | None], sources: Sequence[SourceName]) -> Steps[str | None]:
    """Return in words how the objects of ``sources`` differ from those of the job; None if not.

    Objects are ETags by address.
    """
    found: dict[str, str | None] = {}
    for name in sources:
        if name.is_prefix:
            listed = yield from list_sources(name.bucket, name.key, name.pattern)
            found |= {f"s3://{name.bucket}/{each.key}": each.etag for each in listed}
        else:
            found[f"s3://{name.bucket}/{name.key}"] = name.etag
    differing = sorted(each for each in {**begun, **found} if begun.get(each) != found.get(each))
    if not differing:
        return None
    first, more = differing[0], len(differing) - 1
    what = "was added" if first not in begun else "is gone" if first not in found else "has changed"
    return f"{first} {what}" + (f", and {more:,} more differ{'' if more > 1 else 's'}" if more else "")


def _objects(body: bytes) -> Iterator[tuple[str, str | None]]:
    for line in body.splitlines():
        for stripe in run_from_dict(json.loads(line), Stripe.from_dict):
            for piece in stripe.pieces:
                yield piece.source.name, piece.source.etag
