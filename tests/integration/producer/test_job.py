"""The handle of a job, sync and async, with moto as the AWS and a stand-in for the consumers."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tailrace import AsyncJob, AsyncTailrace, InputError, Job, JobState, Part, Tailrace, TimedOutError
from tailrace.download import object_upload
from tailrace_core.answers.evidence import encode_shape
from tailrace_core.answers.shape import AnswerShape, ColumnType
from tests.integration.producer.sessions import async_session, sync_session
from tests.integration.producer.stack import NAME, Pipeline

T = TypeVar("T")
_FRAME = pd.DataFrame({"id": [f"{row:03d}" for row in range(50)], "x": [10 * row + 1 for row in range(50)]})
_PREDICTIONS = [float(str(10 * row + 1)[::-1]) for row in range(50)]
_CSV = b"id,prediction\n" + b"".join(b"%03d,%s\n" % (row, str(10 * row + 1)[::-1].encode()) for row in range(50))
Operation = Callable[[Any, Any], Coroutine[Any, Any, T]]


def _sync(url: str, operation: Operation[T], sleep: Callable[[float], None] = lambda _: None, **options: Any) -> T:
    """Run an operation that awaits what is awaitable, with the sync client."""
    with Tailrace(NAME, session=sync_session(), endpoint_url=url, sleep=sleep, **options) as client:
        return asyncio.run(operation(client, _now))


def _async(url: str, operation: Operation[T], sleep: Callable[[float], None] = lambda _: None, **options: Any) -> T:
    async def pause(delay_s: float) -> None:
        await asyncio.to_thread(sleep, delay_s)

    async def enclosed() -> T:
        async with AsyncTailrace(NAME, session=async_session(), endpoint_url=url, sleep=pause, **options) as client:
            return await operation(client, _awaited)

    return asyncio.run(enclosed())


async def _now(value: Any) -> Any:
    return value


async def _awaited(value: Any) -> Any:
    return await value


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def run(request: pytest.FixtureRequest, moto_url: str) -> Callable[..., Any]:
    def running(operation: Operation[T], **options: Any) -> T:
        done: T = request.param(moto_url, operation, **options)
        return done

    return running


def _establish_numbers(stack: Pipeline, job_id: str) -> None:
    record = stack.ledger().job(job_id)
    assert record is not None
    stack.ledger().write_note(record, "shape", encode_shape(AnswerShape(None, (ColumnType.NUMBER,))))


def _all(found: Any) -> Any:
    async def collect() -> list[Any]:
        return [each async for each in found]

    return collect() if hasattr(found, "__aiter__") else list(found)


def test_a_frame_comes_back_as_a_frame_a_table_a_stream_and_a_file(
    run: Callable[..., Any], stack: Pipeline, tmp_path: Path
) -> None:
    async def operation(client: Any, wait: Any) -> None:
        job = await wait(client.submit(_FRAME, keep="id", chunk_rows=20, progress=False))
        assert isinstance(job, Job | AsyncJob)
        assert (job.id, job.chunks_sent, job.continued) == (job.job_id, 3, False)
        assert "running, 0 of 50 rows settled" in repr(job)
        assert job.id in repr(job)
        _establish_numbers(stack, job.id)
        await asyncio.to_thread(stack.score, job.id)
        assert (await wait(job.wait())).state is JobState.COMPLETED
        assert "completed, 50 of 50 rows settled" in repr(job)
        frame = await wait(job.to_pandas())
        assert frame["prediction"].tolist() == _PREDICTIONS
        assert frame["id"].tolist() == _FRAME["id"].tolist()
        assert (await wait(job.to_arrow())).column("prediction").to_pylist() == _PREDICTIONS
        assert await _stream(job) == _CSV
        done = await wait(job.download(tmp_path / "out.parquet"))
        assert pq.read_table(tmp_path / "out.parquet").column("prediction").to_pylist() == _PREDICTIONS
        size = (tmp_path / "out.parquet").stat().st_size
        assert (done.rows, done.rows_scored, done.rows_rejected, done.size_bytes) == (50, 50, 0, size)
        assert done.target == str(tmp_path / "out.parquet")
        again = await wait(client.job(job.id))
        assert (again.id, (await wait(again.status())).rows_scored) == (job.id, 50)

    run(operation)


async def _stream(job: Any) -> bytes:
    if isinstance(job, AsyncJob):
        return b"".join([block async for block in await job.result()])
    with job.result() as file:
        assert isinstance(file, io.BufferedReader)
        return file.read(7) + file.read()


def test_parts_come_in_order_as_soon_as_those_before_them_are_there(run: Callable[..., Any], stack: Pipeline) -> None:
    rounds = iter([{1}, {0}, set(range(3))])
    jobs: list[str] = []
    seen: list[Part] = []
    counts: list[int] = []

    def sleep(_: float) -> None:
        counts.append(len(seen))
        stack.score(jobs[0], only=next(rounds))

    async def operation(client: Any, wait: Any) -> None:
        job = await wait(client.submit(_FRAME, keep="id", chunk_rows=20))
        jobs.append(job.id)
        if isinstance(job, AsyncJob):
            async for part in job:
                seen.append(part)  # noqa: PERF401 - the order in time matters
        else:
            seen.extend(job)

    run(operation, sleep=sleep)
    # `extend` shows the sync client's parts as they come, too: a list grows while it is extended.
    assert counts == [0, 0, 2]
    assert b"id,prediction\n" + b"".join(each.data for each in seen) == _CSV
    assert [(each.first_row, each.rows, each.rejected) for each in seen] == [
        (0, 20, 0),
        (20, 20, 0),
        (40, 10, 0),
    ]


def test_a_wait_tells_every_ten_seconds_how_many_chunks_are_retried(run: Callable[..., Any], stack: Pipeline) -> None:
    now = [1_000.0]
    jobs: list[str] = []
    told: list[int | None] = []

    def sleep(_: float) -> None:
        now[0] += 6
        if len(told) == 1:
            first = next(iter(stack.ledger().chunks(jobs[0])))
            assert stack.ledger().begin_attempt(replace(first, attempt=2, tries=2, due_at=now[0]))
        if len(told) == 5:
            stack.score(jobs[0])

    async def operation(client: Any, wait: Any) -> None:
        job = await wait(client.submit(_FRAME, keep="id", chunk_rows=20))
        jobs.append(job.id)
        await wait(job.wait(progress=lambda each: told.append(each.work and each.work.retrying_count)))

    run(operation, sleep=sleep, now=lambda: now[0])
    assert told == [None, None, 1, 1, 1, None]


def test_parts_of_a_job_that_ends_early_are_followed_by_an_error(run: Callable[..., Any], stack: Pipeline) -> None:
    async def operation(client: Any, wait: Any) -> None:
        job = await wait(client.submit(_FRAME, chunk_rows=20))
        await asyncio.to_thread(lambda: stack.score(job.id, only={0, 2}))
        ended = await wait(job.cancel("enough"))
        assert (ended.state, ended.reason) == (JobState.CANCELLED, "enough")
        found = job.parts()
        first = [await anext(found) if isinstance(job, AsyncJob) else next(found) for _ in range(2)]
        assert [each.first_row for each in first] == [0, 40]
        with pytest.raises(InputError, match="ended as cancelled"):
            await wait(_all(found))

    run(operation)


def test_rejected_rows_and_their_places_are_known(run: Callable[..., Any], stack: Pipeline) -> None:
    async def operation(client: Any, wait: Any) -> None:
        job = await wait(client.submit([b"a,b\n1,2\n", b"a,b\nonly\n5,6\n"], keep=["a"]))
        _establish_numbers(stack, job.id)
        await asyncio.to_thread(stack.score, job.id)
        assert [(each.row, each.record) for each in await wait(_all(job.rejects()))] == [(1, b"only")]
        assert [each.rejected for each in await wait(_all(job.parts()))] == [1]
        assert (await wait(job.to_arrow())).to_pydict() == {"a": ["1", "", "5"], "prediction": [2.0, None, 6.0]}

    run(operation)


def test_a_result_is_an_object_of_s3_or_nothing(run: Callable[..., Any], stack: Pipeline, client: Any) -> None:
    address = f"s3://{stack.bucket}/results/out.csv"

    async def operation(tailrace: Any, wait: Any) -> Any:
        job = await wait(tailrace.submit(_FRAME, keep="id", chunk_rows=20))
        _establish_numbers(stack, job.id)
        await wait(tailrace.check_target(address, clobber=False))
        await asyncio.to_thread(stack.score, job.id)
        done = await wait(job.download(address, clobber=False))
        for refused in (tailrace.check_target, job.download):
            with pytest.raises(InputError, match="exists: name another object"):
                await wait(refused(address, clobber=False))
        for suffix in ("", ".gz"):
            await wait(job.download(address + suffix))
        await wait(job.download(address.replace(".csv", ".parquet")))
        with pytest.raises(InputError, match=r"no bucket for s3://tailrace-nowhere/x\.csv"):
            await wait(tailrace.check_target("s3://tailrace-nowhere/x.csv"))
        return done

    done = run(operation)
    assert (done.size_bytes, done.target, done.rows) == (len(_CSV), address, 50)
    assert stack.read("results/out.csv") == gzip.decompress(stack.read("results/out.csv.gz")) == _CSV
    table = pq.read_table(io.BytesIO(stack.read("results/out.parquet")))
    assert table.column("prediction").to_pylist() == _PREDICTIONS
    assert client("s3").list_multipart_uploads(Bucket=stack.bucket).get("Uploads", []) == []


def test_an_object_that_has_the_columns_of_the_input_is_not_replaced(
    run: Callable[..., Any], stack: Pipeline, client: Any
) -> None:
    client("s3").put_object(Bucket=stack.bucket, Key="in.csv", Body=_FRAME.to_csv(index=False).encode())
    address = f"s3://{stack.bucket}/in.csv"

    async def operation(tailrace: Any, wait: Any) -> None:
        job = await wait(tailrace.submit(address, keep="id"))
        await asyncio.to_thread(stack.score, job.id)
        with pytest.raises(InputError, match="has the columns of the job's input"):
            await wait(job.download(address))
        await wait(job.download(address, replace_input=True))

    run(operation)
    assert stack.read("in.csv") == _CSV


def test_a_damaged_part_leaves_no_object_and_no_upload(run: Callable[..., Any], stack: Pipeline, client: Any) -> None:
    def damage(job_id: str) -> None:
        stack.score(job_id)
        last = max(key for key in stack.object_keys() if "/parts/" in key)
        client("s3").put_object(Bucket=stack.bucket, Key=last, Body=b"x" * len(stack.read(last)))

    async def operation(tailrace: Any, wait: Any) -> None:
        # Long enough for a multipart upload: the padding is kept.
        frame = pd.DataFrame({"pad": ["p" * 40_000] * 250, "x": range(250)})
        job = await wait(tailrace.submit(frame, keep="pad", chunk_rows=50))
        await asyncio.to_thread(damage, job.id)
        with pytest.raises(Exception, match="is damaged"):
            await wait(job.download(f"s3://{stack.bucket}/out.csv"))

    assert object_upload.PART_BYTES < 250 * 40_000
    run(operation)
    assert "out.csv" not in stack.object_keys()
    assert client("s3").list_multipart_uploads(Bucket=stack.bucket).get("Uploads", []) == []


def test_waiting_is_bounded_and_the_job_goes_on(run: Callable[..., Any], stack: Pipeline) -> None:
    async def operation(client: Any, wait: Any) -> str:
        job = await wait(client.submit(_FRAME))
        for read in (job.result, job.to_pandas, job.wait):
            with pytest.raises(TimedOutError, match="it goes on"):
                await wait(read(timeout_s=0))
        with pytest.raises(TimedOutError, match="it goes on"):
            await wait(_all(job.parts(timeout_s=0)))
        return str(job.id)

    record = stack.ledger().job(run(operation))
    assert record is not None
    assert record.state is JobState.RUNNING


def test_a_stream_that_is_closed_early_stops_reading(moto_url: str, stack: Pipeline) -> None:
    with Tailrace(NAME, session=sync_session(), endpoint_url=moto_url) as client:
        job = client.submit(_FRAME, keep="id", chunk_rows=20)
        stack.score(job.id)
        with job.result() as file:
            assert file.readline() == b"id,prediction\n"
        assert file.closed

    async def early() -> None:
        async with AsyncTailrace(NAME, session=async_session(), endpoint_url=moto_url) as client:
            job = await client.job(stack_job)
            async with aclosing(job.parts()) as parts:
                assert (await anext(parts)).first_row == 0
            async with aclosing(await job.result()) as blocks:
                assert await anext(blocks) == b"id,prediction\n"

    stack_job = job.id
    asyncio.run(early())


def test_the_stack_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAILRACE_STACK", raising=False)
    with pytest.raises(InputError, match="no stack is named: give stack=NAME, or set TAILRACE_STACK"):
        Tailrace()
    monkeypatch.setenv("TAILRACE_STACK", NAME)
    assert "of stack demo" in repr(Job(Tailrace(), _submission(), Tailrace()._name))


def _submission() -> Any:
    from tailrace.submit.submitter import Submission  # noqa: PLC0415
    from tailrace_core.jobs.model import Job as Record  # noqa: PLC0415 - the handle has this name here

    return Submission(Record(job_id="j", state=JobState.RUNNING, created_at=0, deadline_at=1))
