"""A producer that dies at any call, and is started again: the end is that of a submit that nothing befell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tailrace import JobState, Tailrace
from tailrace.aws.connections import Boto3Connection
from tailrace.sources.origins import S3Objects
from tailrace_core.aws.calls import Call
from tailrace_core.jobs.model import ChunkState
from tests.integration.producer.sessions import sync_session
from tests.integration.producer.stack import NAME, Pipeline

_SOURCE = b"id,x\n1,10\n2,20\n#3,30\n4,40\n5\n6\n7,70\n"
"""In chunks of two rows: a clean one, one with a bad row, one of bad rows only, and a short one."""
_FEWER_CALLS = 4
"""By how many calls two submits may differ: the intents of its three chunks, and their confirmations, take
one to three calls each, by the time that passes."""


class Crash(BaseException):
    """The process dies: nothing after it happens, no matter who catches what."""


class MortalConnection:
    """Dies at one call, before it is sent or after it took effect; and stays dead."""

    def __init__(self, connection: Boto3Connection, dies_at: int | None, *, after: bool) -> None:
        self._connection = connection
        self._dies_at = dies_at
        self._after = after
        self.calls: list[Call] = []
        self.where = connection.where

    def prepare(self, services: Sequence[str]) -> None:
        self._connection.prepare(services)

    def execute(self, call: Call) -> Any:
        if self._dies_at is not None and len(self.calls) > self._dies_at:
            raise Crash
        self.calls.append(call)
        dies = len(self.calls) - 1 == self._dies_at
        if dies and not self._after:
            raise Crash
        answer = self._connection.execute(call)
        if dies:
            raise Crash
        return answer

    def boto3_client(self, service: str) -> Any:
        return self._connection.boto3_client(service)

    def read_body(self, call: Call) -> bytes:
        return self._connection.read_body(call)

    @property
    def objects(self) -> S3Objects:
        return self._connection.objects

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def connection(moto_url: str) -> Boto3Connection:
    session = sync_session()
    return Boto3Connection(session=session, endpoint_url=moto_url, concurrency=1)


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "in.csv"
    path.write_bytes(_SOURCE)
    return str(path)


def submit(mortal: MortalConnection, source: str, key: str) -> str:
    client = Tailrace(NAME, connection=mortal, concurrency=1)
    return client.submit(source, job_key=key, keep=["id"], chunk_rows=2).job_id


def end_state(stack: Pipeline, job_id: str) -> object:
    """Everything that a job leaves, but for what says how often it was tried and when."""
    job = stack.ledger().job(job_id)
    assert job is not None
    chunks = [
        (chunk.range, chunk.state, chunk.rejected, chunk.input_checksum, chunk.invoked or chunk.state)
        for chunk in stack.ledger().chunks(job_id)
    ]
    objects = {key.replace(job_id, "JOB"): stack.read(key) for key in stack.object_keys() if job_id in key}
    counters = (job.state, job.rows_total, job.rows_scored, job.rows_rejected, job.rows_cancelled)
    return counters, chunks, {key: body for key, body in objects.items() if "manifest" not in key}


def invocations(mortal: MortalConnection) -> list[str]:
    return [call.params["InputLocation"] for call in mortal.calls if call.operation == "invoke_endpoint_async"]


def confirmations(calls: list[Call]) -> int:
    """Return the number of attempts that calls confirmed, alone or in transactions."""
    updates = [call.params for call in calls if call.operation == "update_item"]
    updates += [each["Update"] for call in calls for each in call.params.get("TransactItems", ()) if "Update" in each]
    return sum(each["UpdateExpression"].startswith("SET invoked") for each in updates)


def test_a_submit_that_died_at_any_call_is_continued_to_the_same_end(
    new_stack: Callable[[], Pipeline], connection: Boto3Connection, source: str
) -> None:
    clean, stack = MortalConnection(connection, None, after=False), new_stack()
    expected = end_state(stack, submit(clean, source, "clean"))
    assert len(invocations(clean)) == confirmations(clean.calls) == 3
    for dies_at in range(len(clean.calls)):
        for after in (False, True):
            key, stack = f"{dies_at}-{after}", new_stack()
            first, second = (
                MortalConnection(connection, dies_at, after=after),
                MortalConnection(connection, None, after=after),
            )
            with suppress(Crash):
                submit(first, source, key)
            assert len(first.calls) >= min(dies_at + 1, len(clean.calls) - _FEWER_CALLS)
            job_id = submit(second, source, key)
            where = f"died {'after' if after else 'before'} call {dies_at}: {first.calls[-1].operation}"
            assert end_state(stack, job_id) == expected, where
            invoked = invocations(first) + invocations(second)
            # What is known to be invoked is not invoked again; between the calls and their
            # confirmation nobody knows.
            made = first.calls if after or len(first.calls) <= dies_at else first.calls[:-1]
            assert len(invoked) - len(set(invoked)) <= len(invocations(first)) - confirmations(made), where
            assert len(set(invoked)) == 3, where
            # A job that was recorded without its key would be a second one.
            assert {job.state for job in stack.ledger().jobs(10)} == {JobState.RUNNING}, where


def test_without_a_key_a_submit_that_fails_at_any_call_leaves_no_job_open(
    stack: Pipeline, connection: Boto3Connection, source: str
) -> None:
    class Failing(MortalConnection):
        """One call before the seal is interrupted as by Ctrl-C; what follows works."""

        def execute(self, call: Call) -> Any:
            self.calls.append(call)
            if len(self.calls) - 1 == self._dies_at and seal_of(self.calls) is None:
                raise KeyboardInterrupt
            return self._connection.execute(call)

    def seal_of(calls: list[Call]) -> int | None:
        return next((at for at, call in enumerate(calls) if "rows_total = :t" in str(call.params)), None)

    clean = MortalConnection(connection, None, after=False)
    Tailrace(NAME, connection=clean, concurrency=1).submit(source, chunk_rows=2)
    for dies_at in range(len(clean.calls) + _FEWER_CALLS):
        failing = Failing(connection, dies_at, after=False)
        try:
            Tailrace(NAME, connection=failing, concurrency=1).submit(source, chunk_rows=2)
        except KeyboardInterrupt:
            continue
        assert dies_at >= (seal_of(failing.calls) or 0)
        break
    else:
        raise AssertionError("no submit came to its seal")
    (finished, *others, last) = sorted(stack.ledger().jobs(1000), key=lambda job: job.created_at)
    assert (finished.state, last.state) == (JobState.RUNNING, JobState.RUNNING)
    assert {job.state for job in others} == {JobState.CANCELLED}
    for job in others:
        assert job.rows_open == 0
        assert all(chunk.state is not ChunkState.OPEN for chunk in stack.ledger().chunks(job.job_id))


def test_an_interruption_while_the_job_is_created_leaves_it_not_open(
    stack: Pipeline, connection: Boto3Connection, source: str
) -> None:
    class Interrupted(MortalConnection):
        """Ctrl-C comes when the job is there, and before the answer that says so."""

        interrupted = False

        def execute(self, call: Call) -> Any:
            answer = self._connection.execute(call)
            self.calls.append(call)
            if call.operation == "transact_write_items" and not self.interrupted:
                self.interrupted = True
                raise KeyboardInterrupt
            return answer

    client = Tailrace(NAME, connection=Interrupted(connection, None, after=False), concurrency=1)
    with pytest.raises(KeyboardInterrupt) as raised:
        client.submit(source, chunk_rows=2)
    (job,) = stack.ledger().jobs(2)
    assert (job.state, job.rows_open) == (JobState.CANCELLED, 0)
    assert raised.value.__notes__ == [f"job {job.job_id} was closed as cancelled"]
