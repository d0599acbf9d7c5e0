"""Writes to the outbox: an object of a later arrival is never replaced by that of an earlier one.

A file may arrive again under the same name, and its jobs end in any order. Each object says in its
metadata which arrival it belongs to, and each write is conditional on what was read there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tailrace_consumers.files.inbox_names import is_later
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import ConditionFailedError, NotFoundError, TransientError

_ARRIVAL = "tailrace-arrival"
_OWNER = "tailrace-owner"
_TRIES = 5


class Standing(Enum):
    """What stands in the outbox already, in place of an object that is to be written."""

    SAME = auto()
    """The object itself: written by an earlier delivery."""
    LATER = auto()
    """That of a later arrival, which stays."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The arrival that an object belongs to."""

    sequencer: str
    owner: str
    """The job's id, or the identity of a file that was refused."""

    @property
    def metadata(self) -> dict[str, str]:
        """The object's metadata."""
        return {_ARRIVAL: self.sequencer, _OWNER: self.owner}


def look(bucket: str, key: str, mark: Mark) -> Steps[Standing | Mapping[str, str]]:
    """Return what stands at ``key`` already, or the condition to write with."""
    try:
        found = yield Call("s3", "head_object", {"Bucket": bucket, "Key": key})
    except NotFoundError:
        return {"IfNoneMatch": "*"}
    about: Mapping[str, str] = found.get("Metadata", {})
    if about.get(_OWNER) == mark.owner:
        return Standing.SAME
    if is_later(about.get(_ARRIVAL, ""), mark.sequencer):
        return Standing.LATER
    return {"IfMatch": found["ETag"]}


def put(bucket: str, key: str, body: bytes, mark: Mark, content_type: str = "application/json") -> Steps[Standing]:
    """Write a small object, and return what stands there then.

    Raises:
        TransientError: others write it at the same time, again and again.
    """
    params: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": body, "ContentType": content_type}
    for _ in range(_TRIES):
        found = yield from look(bucket, key, mark)
        if isinstance(found, Standing):
            return found
        try:
            yield Call("s3", "put_object", {**params, "Metadata": mark.metadata, **found})
        except (ConditionFailedError, NotFoundError):
            continue
        return Standing.SAME
    raise TransientError(f"s3://{bucket}/{key} is being written by others; try again later")
