"""ListStripes: from the names in a job's request to the manifest of its stripes.

The manifest is written once: every later step, and every execution that goes on with the job, reads
the objects in the versions that it names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tailrace_consumers.ports import ObjectStore
from tailrace_core.aws.calls import Call, Steps, run
from tailrace_core.errors import AccessDeniedError, InputError, NotFoundError
from tailrace_core.objects import keys
from tailrace_core.objects.listing import list_sources
from tailrace_core.submission.striping.denied import denied
from tailrace_core.submission.striping.manifest import MAX_OBJECTS, SourceObject, plan_stripes
from tailrace_core.submission.striping.request import CuttingRequest, SourceName
from tailrace_core.submission.striping.runs import run_to_json, runs_of_stripes


class ListStripes:
    """Lists the stripes of jobs; ``execute`` carries out one call."""

    def __init__(self, store: ObjectStore, execute: Callable[[Call], Any]) -> None:
        self._store = store
        self._execute = execute

    def list(self, job_id: str) -> None:
        """Write the manifest of a job's stripes, unless there is one.

        Raises:
            InputError: an object is gone or has changed, a prefix holds none, or there are too many
                objects or stripes.
            AccessDeniedError: the function may not read or list a source.
        """
        try:
            self._list(job_id)
        except InputError:
            # They may have changed since an earlier call wrote the manifest, which counts.
            if self._store.head(keys.stripes_key(job_id)) is None:
                raise

    def _list(self, job_id: str) -> None:
        request = CuttingRequest.from_json(b"".join(self._store.read(keys.cutting_request_key(job_id))))
        objects = [found for name in request.sources for found in run(_objects(name), self._execute)]
        stripes = plan_stripes(objects, request.settings.stripe_bytes)
        lines = (run_to_json(run).encode() + b"\n" for run in runs_of_stripes(stripes))
        # Another execution may have been first; its manifest counts.
        self._store.put_new(keys.stripes_key(job_id), lines, dict)


def _objects(name: SourceName) -> Steps[list[SourceObject]]:
    """Return the objects that a name stands for."""
    try:
        if not name.is_prefix:
            return [(yield from _object(name))]
        listed = yield from list_sources(name.bucket, name.key, name.pattern, most=MAX_OBJECTS)
    except AccessDeniedError as exc:
        raise denied(f"s3://{name.bucket}/{name.key}", exc) from exc
    return [
        SourceObject(bucket=name.bucket, key=each.key, size_bytes=each.size_bytes, etag=each.etag) for each in listed
    ]


def _object(name: SourceName) -> Steps[SourceObject]:
    """Look an object up."""
    params = {"Bucket": name.bucket, "Key": name.key}
    if name.version_id is not None:
        params["VersionId"] = name.version_id
    try:
        answer = yield Call("s3", "head_object", params)
    except NotFoundError:
        answer = None
    found = SourceObject(
        bucket=name.bucket,
        key=name.key,
        size_bytes=answer["ContentLength"] if answer else 0,
        version_id=name.version_id,
        etag=answer["ETag"] if answer else None,
    )
    if answer is None or name.etag not in {None, found.etag}:
        raise InputError(f"{found.name} has changed or is gone since the job began: submit it anew")
    return found
