"""The async client makes its calls in the event loop: few threads, and every job closed however its submit ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tailrace import AsyncTailrace, JobState
from tailrace_core.aws.calls import Call
from tests.benchmarks.sink.process import running_sink
from tests.benchmarks.sink.responses import STACK
from tests.integration.producer.sessions import async_session
from tests.integration.producer.stack import NAME, Pipeline

PATIENCE_S = 120.0


def client_of(moto_url: str, **options: Any) -> AsyncTailrace:
    session = async_session()
    return AsyncTailrace(NAME, session=session, endpoint_url=moto_url, **options)


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "input.csv"
    path.write_bytes(b"x\n" + b"".join(b"%d\n" % row for row in range(1_000)))
    return str(path)


def test_a_job_of_100_000_rows_takes_one_thread_for_its_input_and_none_for_its_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "input.csv"
    path.write_bytes(b"".join(b"%d,%d\n" % (row, row * 7) for row in range(100_000)))
    before = set(threading.enumerate())
    seen: set[str] = set()
    most = 0

    def sample(_: object = None) -> None:
        nonlocal most
        added = set(threading.enumerate()) - before
        seen.update(thread.name for thread in added)
        most = max(most, len(added))

    async def submit(url: str) -> int:
        async def sample_often() -> None:
            while True:
                sample()
                await asyncio.sleep(0.001)

        sampling = asyncio.create_task(sample_often())
        async with AsyncTailrace(STACK, endpoint_url=url) as client:
            done = await client.submit(path, header="none", chunk_rows=500, window=0, on_progress=sample)
        sampling.cancel()
        return done.chunks_sent

    with running_sink() as sink:
        for name, value in sink.environment.items():
            monkeypatch.setenv(name, value)
        chunks = asyncio.run(submit(sink.url))
        taken = sink.taken()
    assert chunks == taken.recorded == taken.calls["InvokeEndpointAsync"] == 200
    # It reads and cuts the input. The address is no name that had to be looked up.
    assert seen == {"tailrace-files_0"}
    assert most == 1


def cancelled_submit(moto_url: str, source: str, when: Callable[[Any], bool], **options: Any) -> asyncio.CancelledError:
    """Cancel a submit as soon as ``when`` holds for its progress; return what it raised."""

    async def submit() -> asyncio.CancelledError:
        loop = asyncio.get_running_loop()

        def cancel(moment: Any) -> None:
            if when(moment):
                loop.call_soon_threadsafe(submitting.cancel)

        async with client_of(moto_url, concurrency=2) as client:
            submitting = asyncio.ensure_future(client.submit(source, on_progress=cancel, chunk_rows=10, **options))
            with pytest.raises(asyncio.CancelledError) as caught:
                await submitting
            return caught.value

    return asyncio.run(asyncio.wait_for(submit(), PATIENCE_S))


@pytest.mark.parametrize("moment", ["chunks_planned", "chunks_sent"])
def test_a_cancelled_submit_closes_its_job(stack: Pipeline, moto_url: str, source: str, moment: str) -> None:
    cancelled_submit(moto_url, source, lambda progress: getattr(progress, moment) == 3)
    (job,) = stack.ledger().jobs(9)
    assert (job.state, job.reason) == (JobState.CANCELLED, "submit was interrupted")
    assert job.rows_open == 0
    # Cancelled early, no intent may have been recorded yet.
    assert sum(chunk.range.rows for chunk in stack.ledger().chunks(job.job_id)) < 1_000


def test_a_cancelled_submit_with_a_key_is_continued(stack: Pipeline, moto_url: str, source: str) -> None:
    cancelled_submit(moto_url, source, lambda progress: progress.chunks_sent == 3, job_key="k")

    async def submit() -> Any:
        async with client_of(moto_url) as client:
            return await client.submit(source, chunk_rows=10, job_key="k")

    done = asyncio.run(submit())
    assert done.continued
    assert done.chunks_skipped > 0
    assert done.chunks_sent + done.chunks_skipped == 100
    assert stack.ledger().jobs(9) == [done.job]


def test_a_cancelled_download_leaves_no_file(stack: Pipeline, moto_url: str, source: str, tmp_path: Path) -> None:
    async def download() -> None:
        loop = asyncio.get_running_loop()
        async with client_of(moto_url) as client:
            submitted = await client.submit(source, chunk_rows=100)
            await asyncio.to_thread(stack.score, submitted.job_id)

            def cancel(_: object) -> None:
                loop.call_soon_threadsafe(downloading.cancel)

            downloading = asyncio.ensure_future(
                client.download(submitted.job_id, tmp_path / "out.csv", on_progress=cancel)
            )
            with pytest.raises(asyncio.CancelledError):
                await downloading

    asyncio.run(asyncio.wait_for(download(), PATIENCE_S))
    assert [path.name for path in tmp_path.iterdir()] == ["input.csv"]


def test_concurrent_operations_look_the_stack_up_once(stack: Pipeline, moto_url: str) -> None:
    async def look_up() -> list[Any]:
        async with client_of(moto_url) as client:
            return await asyncio.gather(*(client.stack() for _ in range(5)), client.jobs())

    *stacks, jobs = asyncio.run(look_up())
    assert all(found is stacks[0] for found in stacks)
    assert stacks[0].bucket == stack.bucket
    assert jobs == []


def test_a_client_that_was_not_entered_says_so(source: str) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(client_of("http://127.0.0.1:1").submit(source))


def test_a_submit_that_is_cancelled_while_its_job_is_created_closes_it(
    stack: Pipeline, moto_url: str, source: str
) -> None:
    class Cancelled(AsyncTailrace):
        """Cancels when the job is there, and before the answer that says so."""

        created = False

        async def _execute(self, call: Call) -> Any:
            answer = await super()._execute(call)
            if call.operation == "transact_write_items" and not self.created:
                self.created = True
                raise asyncio.CancelledError
            return answer

    async def submit() -> asyncio.CancelledError:
        async with Cancelled(NAME, session=async_session(), endpoint_url=moto_url) as client:
            with pytest.raises(asyncio.CancelledError) as raised:
                await client.submit(source)
            return raised.value

    notes = asyncio.run(submit()).__notes__
    (job,) = stack.ledger().jobs(2)
    assert (job.state, notes) == (JobState.CANCELLED, [f"job {job.job_id} was closed as cancelled"])
