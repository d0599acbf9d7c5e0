"""Ranges of source objects: the version that was listed, and connections that break."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import IncompleteReadError

from tailrace_consumers.adapters.s3_ranges import S3Ranges
from tailrace_core.aws.calls import Call
from tailrace_core.errors import AccessDeniedError, ConditionFailedError, InputError, NotFoundError, TransientError
from tailrace_core.submission.striping.manifest import SourceObject

DATA = bytes(range(40))
SOURCE = SourceObject(bucket="b", key="k", size_bytes=len(DATA), etag='"e"')


class Body(io.BytesIO):
    """A body whose connection breaks after some bytes."""

    def __init__(self, data: bytes, reach: int | None) -> None:
        super().__init__(data)
        self._reach = reach

    def read(self, size: int | None = -1) -> bytes:
        if self._reach is not None and self.tell() >= self._reach:
            raise IncompleteReadError(actual_bytes=0, expected_bytes=1)
        return super().read(size)


class Objects:
    """An executor with one object; ``reaches`` are how far its connections reach, in bytes."""

    def __init__(self, *reaches: int | None, error: Exception | None = None) -> None:
        self.asked: list[Any] = []
        self.bodies: list[Body] = []
        self._reaches: Iterator[int | None] = iter(reaches)
        self._error = error

    def __call__(self, call: Call) -> Any:
        self.asked.append(call.params)
        if self._error is not None:
            raise self._error
        first, _, last = call.params.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        body = Body(DATA[int(first) : int(last) + 1 if last else None], next(self._reaches, None))
        self.bodies.append(body)
        return {"Body": body}


def read(objects: Objects, start: int, stop: int | None, source: SourceObject = SOURCE) -> bytes:
    return b"".join(S3Ranges(objects, block_bytes=3).open(source, start, stop))


@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 40), (7, 20), (39, 40), (30, 99), (5, None)])
def test_a_range_is_read_up_to_the_end_of_the_object(start: int, stop: int | None) -> None:
    objects = Objects()
    assert read(objects, start, stop) == DATA[start:stop]
    assert objects.asked[0]["IfMatch"] == '"e"'
    assert all(body.closed for body in objects.bodies)


def test_the_version_is_demanded_where_there_is_one() -> None:
    objects = Objects()
    read(objects, 0, 4, SourceObject(bucket="b", key="k", size_bytes=40, version_id="v", etag='"e"'))
    assert objects.asked == [{"Bucket": "b", "Key": "k", "Range": "bytes=0-3", "VersionId": "v"}]


def test_another_connection_goes_on_where_one_breaks() -> None:
    objects = Objects(3, 6, 0, 0, 3)
    assert read(objects, 2, 30) == DATA[2:30]
    assert [each["Range"] for each in objects.asked[:3]] == ["bytes=2-29", "bytes=5-29", "bytes=11-29"]
    assert all(body.closed for body in objects.bodies)


def test_connections_that_break_without_a_byte_are_not_tried_for_ever() -> None:
    with pytest.raises(TransientError, match="s3://b/k"):
        read(Objects(*[0] * 20), 0, None)


@pytest.mark.parametrize("error", [ConditionFailedError("412"), NotFoundError("404")])
def test_an_object_that_changed_or_is_gone_is_refused_with_its_name(error: Exception) -> None:
    with pytest.raises(InputError, match="s3://b/k has changed or is gone"):
        read(Objects(error=error), 0, 10)


def test_a_read_that_is_closed_early_closes_its_connection() -> None:
    objects = Objects()
    blocks = S3Ranges(objects, block_bytes=3).open(SOURCE, 0, None)
    next(blocks)
    blocks.close()
    assert objects.bodies[0].closed


def test_an_object_that_may_not_be_read_is_named_with_the_parameters_that_let_it() -> None:
    with pytest.raises(AccessDeniedError, match=r"may not read s3://b/k, .*SourceArns .*\(no policy allows it\)$"):
        read(Objects(error=AccessDeniedError("no policy allows it")), 0, None)
