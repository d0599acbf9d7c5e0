"""A crash before or after any call, then redelivery: the same result and all events."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tailrace_consumers.collect_results.handler import assemble as assemble_collect
from tailrace_consumers.composition import Composition
from tailrace_consumers.dispatch_retries.handler import assemble as assemble_dispatch
from tailrace_consumers.handle_failures.handler import assemble as assemble_failures
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.messages.events import JobFinished, PartReady
from tests.unit.consumers.bench import BAD_REQUEST, JOB_ID, SERVER_ERROR, Bench


class Crash(BaseException):
    """The process dies: no error handler catches this."""


@dataclasses.dataclass
class Fuse:
    """Counts calls down; at zero the process dies, before the call or after it."""

    left: int
    after: bool
    blown: bool = False

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left or self.blown:
            return method(*args, **kwargs)
        self.blown = True
        if self.after:
            method(*args, **kwargs)
        raise Crash


class Fused:
    """A port whose calls count the fuse down."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        return lambda *args, **kwargs: self._fuse.call(method, *args, **kwargs)


PORTS = ("ledger", "store", "publisher", "retries", "parked", "invoker")


def fused(bench: Bench, fuse: Fuse) -> Composition:
    ports: dict[str, Any] = {name: Fused(getattr(bench.composition.adapters, name), fuse) for name in PORTS}
    return Composition(bench.composition.settings, dataclasses.replace(bench.composition.adapters, **ports))


def submitted() -> Bench:
    bench = Bench()
    bench.add_job(source_columns=("id", "x"), sent_columns=(1,), kept_columns=(0,))
    bench.add_chunk(
        0,
        [b"0", b"2", b"bad"],
        kept=[b"a", b"b", b"c", b"d", b"e"],
        rejects=(Reject(1, "blank", b"b,"), Reject(4, "blank", b"e,")),
    )
    assert bench.ledger.seal(JOB_ID, 5)
    return bench


def drive(bench: Bench, fuse: Fuse, first_reason: str) -> None:
    """Act as endpoint and queues until nothing changes; deliver a message again after a crash."""
    answered: set[tuple[str, int]] = set()
    for _ in range(100):
        todo = [
            chunk
            for chunk in bench.leaves()
            if chunk.state is ChunkState.OPEN and (chunk.range.name, chunk.attempt) not in answered and chunk.invoked
        ]
        if todo:
            chunk = todo[0]
            answered.add((chunk.range.name, chunk.attempt))
            if b"bad" in bench.sent(chunk):
                reason = first_reason if chunk.attempt == 1 and chunk.range.rows == 5 else BAD_REQUEST
                said = bench.failure(chunk, reason)
                deliver(bench, fuse, assemble_failures, said)
            else:
                said = bench.answer(chunk, bench.sent(chunk))
                deliver(bench, fuse, assemble_collect, said)
        elif bench.retries.sent:
            message, _ = bench.retries.sent.pop(0)
            deliver(bench, fuse, assemble_dispatch, message)
        else:
            return
    raise AssertionError("it does not come to an end")


def deliver(bench: Bench, fuse: Fuse, assemble: Callable[[Composition], Any], message: Any) -> None:
    try:
        assemble(fused(bench, fuse)).handle(message)
    except Crash:
        assemble(fused(bench, fuse)).handle(message)


def calls_of(reason: str) -> int:
    fuse = Fuse(10**9, after=False)
    drive(submitted(), fuse, reason)
    return 10**9 - fuse.left


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("reason", [BAD_REQUEST, SERVER_ERROR], ids=["data", "server error"])
def test_killed_at_any_call_the_result_is_the_same(reason: str, after: bool) -> None:  # noqa: FBT001 a parameter of the test
    count = calls_of(reason)
    assert count > 50
    for number in range(1, count + 1):
        bench = submitted()
        fuse = Fuse(number, after=after)
        drive(bench, fuse, reason)
        assert fuse.blown, number
        check(bench, number)


def check(bench: Bench, number: int) -> None:
    job = bench.job()
    assert (job.state, job.rows_scored, job.rows_rejected) == (JobState.COMPLETED_WITH_REJECTS, 2, 3) or (
        job.state is JobState.FINISHING
    ), number
    if job.state is JobState.FINISHING:
        # The finisher died: the reconciler takes over when its lease has expired.
        bench.now += 3_600
        bench.reconcile.run(60)
        assert bench.job().state is JobState.COMPLETED_WITH_REJECTS
    assert bench.result() == b"a,0\nb,\nc,2\nd,\ne,\n", number
    assert [(each.row, each.record) for each in bench.rejects()] == [
        (1, b"b,"),
        (3, b"d,bad"),
        (4, b"e,"),
    ], number
    published = {event.event_id for event in bench.publisher.events if isinstance(event, PartReady)}
    assert published == {PartReady.id_of(JOB_ID, chunk.range) for chunk in bench.leaves()}, number
    assert any(isinstance(event, JobFinished) for event in bench.publisher.events), number
    assert not bench.parked.events, number
