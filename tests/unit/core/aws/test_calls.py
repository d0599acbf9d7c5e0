"""Steps driven by an executor, sync or async."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tailrace_core.aws.calls import Call, Steps, run, run_async
from tailrace_core.errors import NotFoundError, TailraceError
from tailrace_core.objects.checksums import Checksum, checksum

GET = Call("s3", "get_object", {"Key": "a"})
Drive = Callable[[Steps[Any], Callable[[Call], Any]], Any]


def drive_async(steps: Steps[Any], execute: Callable[[Call], Any]) -> Any:
    async def awaited(call: Call) -> Any:
        return execute(call)

    return asyncio.run(run_async(steps, awaited))


@pytest.fixture(params=[run, drive_async])
def drive(request: pytest.FixtureRequest) -> Drive:
    chosen: Drive = request.param
    return chosen


class Looked:
    """Steps that look up an item, and record whether they were closed."""

    def __init__(self) -> None:
        self.closed = False

    def steps(self) -> Steps[str]:
        try:
            answer: str = yield GET
        except NotFoundError:
            answer = "nothing"
        finally:
            self.closed = True
        return answer


def missing(_: Call) -> Any:
    raise NotFoundError("not there")


def broken(_: Call) -> Any:
    raise KeyboardInterrupt


def denied(_: Call) -> Any:
    raise TailraceError("no")


def test_answers_are_sent_in(drive: Drive) -> None:
    assert drive(Looked().steps(), lambda call: f"{call.operation} {call.params['Key']}") == "get_object a"


def test_errors_are_thrown_in_and_may_be_answers(drive: Drive) -> None:
    assert drive(Looked().steps(), missing) == "nothing"


@pytest.mark.parametrize(("execute", "expected"), [(broken, KeyboardInterrupt), (denied, TailraceError)])
def test_steps_are_cleaned_up_whatever_ends_them(
    drive: Drive, execute: Callable[[Call], Any], expected: type[BaseException]
) -> None:
    looked = Looked()
    with pytest.raises(expected):
        drive(looked.steps(), execute)
    assert looked.closed


def test_a_checksum_does_not_depend_on_how_the_bytes_are_cut() -> None:
    running = Checksum()
    for piece in (b"123", b"", b"456789"):
        running.update(piece)
    assert str(running) == checksum(b"123456789") == "crc32:cbf43926"
    assert running.size_bytes == 9
