"""The whole way of an input through both clients, with moto as the AWS and a stand-in for the consumers."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import pytest

from tailrace import (
    AsyncTailrace,
    Download,
    InputError,
    Job,
    JobKeyError,
    JobState,
    JobStatus,
    Reject,
    Tailrace,
    TimedOutError,
)
from tailrace.progress import Progress
from tailrace_core.errors import ContractError
from tailrace_core.jobs.model import ChunkState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects import keys
from tailrace_core.objects.checksums import checksum
from tests.integration.producer.sessions import async_session, sync_session
from tests.integration.producer.stack import NAME, Pipeline

ROWS = 250
_SOURCE = b"id,x\n" + b"".join(b"%d,%d\n" % (row, row * 7) for row in range(ROWS - 2)) + b"#no,1\nlonely\n"


class Client(Protocol):
    """The tests' steps with either client."""

    def submit(self, *names: Any, **options: Any) -> Job: ...
    def wait(self, job_id: str, **options: Any) -> JobStatus: ...
    def status(self, job_id: str) -> JobStatus: ...
    def cancel(self, job_id: str) -> JobStatus: ...
    def jobs(self) -> list[JobStatus]: ...
    def download(self, job_id: str, target: Any, **options: Any) -> Download: ...
    def rejects(self, job_id: str, **options: Any) -> list[Reject]: ...


class SyncClient:
    def __init__(self, **options: Any) -> None:
        self._client = Tailrace(NAME, session=sync_session(), **options)

    def submit(self, *names: Any, **options: Any) -> Job:
        return self._client.submit(names, **options)

    def rejects(self, job_id: str, **options: Any) -> list[Reject]:
        return list(self._client.rejects(job_id, **options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class AsyncClient:
    """Each operation in a loop and with a client of its own."""

    def __init__(self, **options: Any) -> None:
        self._options = options

    def submit(self, *names: Any, **options: Any) -> Job:
        done: Job = self._run(lambda client: client.submit(names, **options))
        return done

    def rejects(self, job_id: str, **options: Any) -> list[Reject]:
        async def collect(client: AsyncTailrace) -> list[Reject]:
            return [each async for each in client.rejects(job_id, **options)]

        found: list[Reject] = self._run(collect)
        return found

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: self._run(lambda client: getattr(client, name)(*args, **options))

    def _run(self, operation: Callable[[AsyncTailrace], Coroutine[Any, Any, Any]]) -> Any:
        async def enclosed() -> Any:
            session = async_session()
            async with AsyncTailrace(NAME, session=session, **self._options) as client:
                return await operation(client)

        return asyncio.run(enclosed())


@pytest.fixture(params=[SyncClient, AsyncClient], ids=["sync", "async"])
def tailrace(request: pytest.FixtureRequest, moto_url: str) -> Client:
    made: Client = request.param(endpoint_url=moto_url)
    return made


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "input.csv"
    path.write_bytes(_SOURCE)
    return str(path)


def test_every_row_comes_back_in_order_beside_its_kept_columns(
    tailrace: Client, stack: Pipeline, source: str, tmp_path: Path
) -> None:
    submitted = tailrace.submit(source, keep=["id"], chunk_rows=20)
    assert submitted.job.state is JobState.RUNNING
    assert submitted.job.rows_total == ROWS
    assert submitted.chunks_sent == 13
    stack.score(submitted.job_id)
    job = tailrace.wait(submitted.job_id, timeout_s=5)
    assert (job.state, job.rows_scored, job.rows_rejected) == (JobState.COMPLETED_WITH_REJECTS, ROWS - 2, 2)
    assert tailrace.download(job.job_id, tmp_path / "out.csv").rows == ROWS
    expected = [f"{row},{str(row * 7)[::-1]}" for row in range(ROWS - 2)]
    assert (tmp_path / "out.csv").read_text().splitlines() == ["id,prediction", *expected, "#no,", ","]
    assert [(each.row, each.record) for each in tailrace.rejects(job.job_id)] == [(248, b"#no,1"), (249, b"lonely")]
    assert [each.job_id for each in tailrace.jobs()] == [job.job_id]


def test_large_chunks_arrive_byte_for_byte(tailrace: Client, stack: Pipeline, tmp_path: Path) -> None:
    # More than half of a buffer is sent from where it was read.
    records = [b"%d,%s\n" % (row, b"x" * 100_000) for row in range(70)]
    (tmp_path / "large.csv").write_bytes(b"".join(records))
    submitted = tailrace.submit(str(tmp_path / "large.csv"), header="none", chunk_bytes=2_500_000)
    sent = [
        stack.read(keys.input_key(submitted.job_id, RowRange(at, rows))) for at, rows in ((0, 24), (24, 24), (48, 22))
    ]
    assert submitted.chunks_sent == 3
    assert sent == [b"".join(records[at : at + 24]) for at in (0, 24, 48)]


def test_rows_are_prepared_by_a_recipe_while_they_are_read(tailrace: Client, stack: Pipeline, tmp_path: Path) -> None:
    raw = b"id,x,y\n" + b"".join(b'"row, %d", %d ,%s\n' % (row, row, b"bad" if row == 7 else b"1") for row in range(50))
    recipe = {"select": ["x"], "columns": {"x": {"strip": True, "to": "number"}, "y": {"to": "number"}}}
    submitted = tailrace.submit(raw, keep=["id"], chunk_rows=20, recipe=recipe)
    assert (submitted.job.rows_total, submitted.chunks_sent) == (50, 3)
    stack.score(submitted.job_id)
    job = tailrace.wait(submitted.job_id, timeout_s=5)
    assert (job.state, job.rows_scored, job.rows_rejected) == (JobState.COMPLETED_WITH_REJECTS, 49, 1)
    tailrace.download(job.job_id, tmp_path / "out.csv")
    predictions = ["" if row == 7 else str(row)[::-1] for row in range(50)]
    expected = [f'"row, {row}",{predictions[row]}' for row in range(50)]
    assert (tmp_path / "out.csv").read_text().splitlines() == ["id,prediction", *expected]
    (rejected,) = tailrace.rejects(job.job_id)
    assert (rejected.row, rejected.reason) == (7, "not a finite number: 'bad' in column 'y'")
    (original,) = tailrace.rejects(job.job_id, source=io.BytesIO(raw), recipe=recipe)
    assert original.record == b'7,"row, 7",bad'


def test_a_stream_is_submitted_and_gives_the_original_records_of_rejected_rows(
    tailrace: Client, stack: Pipeline, source: str
) -> None:
    stream = io.BytesIO(_SOURCE)
    submitted = tailrace.submit(stream, drop=["id"], chunk_rows=20)
    assert submitted.job.rows_total == ROWS
    assert not stream.closed
    stack.score(submitted.job_id)
    job = tailrace.wait(submitted.job_id, timeout_s=5)
    expected = [(248, b"#no,1"), (249, b"lonely")]
    for again in (io.BytesIO(_SOURCE), source):
        assert [(each.row, each.record) for each in tailrace.rejects(job.job_id, source=again)] == expected
    with pytest.raises(InputError, match="rows 100 to 119 of the source differ"):
        tailrace.rejects(job.job_id, source=io.BytesIO(_SOURCE.replace(b"\n101,", b"\n901,")))
    with pytest.raises(InputError, match="has the columns 'other', 'x'"):
        tailrace.rejects(job.job_id, source=io.BytesIO(_SOURCE.replace(b"id,x", b"other,x")))


def test_what_is_no_stream_of_bytes_is_refused_before_anything_is_called(tailrace: Client) -> None:
    with pytest.raises(InputError, match="text stream"):
        tailrace.submit(io.StringIO("a\n1\n"))


def test_every_chunk_is_invoked_once_and_its_locations_are_recorded(
    tailrace: Client, stack: Pipeline, source: str
) -> None:
    submitted = tailrace.submit(source, chunk_rows=100)
    chunks = list(stack.ledger().chunks(submitted.job_id))
    records = _SOURCE.splitlines(keepends=True)[1:]
    assert [chunk.range.rows for chunk in chunks] == [100, 100, 50]
    for chunk in chunks:
        assert chunk.invoked
        assert chunk.output_location is not None
        assert chunk.input_checksum == checksum(*records[chunk.range.first_row : chunk.range.end])


def test_a_job_none_of_whose_rows_can_be_sent_is_finished_by_its_submit(
    tailrace: Client, stack: Pipeline, tmp_path: Path
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"a,b\n#2,3\n1\n4\n")
    submitted = tailrace.submit(str(path))
    assert submitted.job.state is JobState.FAILED
    reason = "no row can be sent: row 1 and 1 more: 2 fields expected, 1 found"
    assert submitted.job.reason == f"no row was scored: all 3 rows were rejected, for instance with: {reason}"
    assert submitted.job.rows_rejected == 3
    with pytest.raises(InputError, match="tailrace rejects"):
        tailrace.download(submitted.job_id, tmp_path / "out.csv")
    assert not [key for key in stack.object_keys() if "/input/" in key]


def test_an_input_of_several_compressed_files_and_objects_is_one_job(
    tailrace: Client, stack: Pipeline, tmp_path: Path
) -> None:
    (tmp_path / "1.csv").write_bytes(gzip.compress(b"a\n1\n2"))
    stack.client("s3").put_object(Bucket=stack.bucket, Key="in/2.csv", Body=b"a\n3\n4\n")
    submitted = tailrace.submit(str(tmp_path / "*.csv"), f"s3://{stack.bucket}/in/2.csv", chunk_rows=3)
    assert submitted.job.rows_total == 4
    bodies = [stack.read(key) for key in sorted(stack.object_keys()) if "/input/" in key]
    assert bodies == [b"1\n2\n3\n", b"4\n"]


def test_submitting_again_with_the_key_sends_nothing_and_reports_the_job(
    tailrace: Client, stack: Pipeline, source: str
) -> None:
    first = tailrace.submit(source, job_key="k", chunk_rows=100)
    stack.score(first.job_id)
    again = tailrace.submit(source, job_key="k", chunk_rows=100)
    assert again.continued
    assert (again.chunks_sent, again.chunks_skipped) == (0, 3)
    assert again.job.state is JobState.COMPLETED_WITH_REJECTS
    assert again.job_id == first.job_id


def test_the_note_of_a_refused_input_says_that_its_job_is_final_and_not_that_it_is_open(
    tailrace: Client, stack: Pipeline, source: str, tmp_path: Path
) -> None:
    first = tailrace.submit(source, job_key="k", chunk_rows=100)
    stack.score(first.job_id)
    other = tmp_path / "other.csv"
    other.write_bytes(_SOURCE + b"1,1\n")
    with pytest.raises(JobKeyError) as caught:
        tailrace.submit(str(other), job_key="k", chunk_rows=100)
    (note,) = caught.value.__notes__
    assert "completed_with_rejects already" in note
    assert "submit the same input" not in note


def test_a_key_with_other_settings_or_another_input_is_refused(
    tailrace: Client, stack: Pipeline, source: str, tmp_path: Path
) -> None:
    tailrace.submit(source, job_key="k", chunk_rows=100)
    with pytest.raises(JobKeyError, match="chunk_rows"):
        tailrace.submit(source, job_key="k", chunk_rows=99)
    other = tmp_path / "other.csv"
    other.write_bytes(_SOURCE.replace(b"120,840", b"120,841"))
    with pytest.raises(JobKeyError, match="from row 100 on"):
        tailrace.submit(str(other), job_key="k", chunk_rows=100)
    other.write_bytes(_SOURCE + b"1,1\n")
    with pytest.raises(JobKeyError):
        tailrace.submit(str(other), job_key="k", chunk_rows=100)
    assert len(list(stack.ledger().jobs(9))) == 1


def test_an_input_that_turns_out_bad_midway_leaves_no_open_job(
    tailrace: Client, stack: Pipeline, tmp_path: Path
) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(b"a\n" + b"".join(b"%d\n" % (row * row) for row in range(20_000)))[:-2000])
    with pytest.raises(InputError, match="cut off") as caught:
        tailrace.submit(str(path), chunk_rows=4_000)
    assert "was closed as failed" in caught.value.__notes__[0]
    (job,) = stack.ledger().jobs(9)
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert "cut off" in job.reason
    assert job.rows_total == job.rows_cancelled


def test_with_a_key_a_failed_submit_stays_open_and_the_mended_input_continues_it(
    tailrace: Client, stack: Pipeline, tmp_path: Path
) -> None:
    whole = gzip.compress(b"a\n" + b"".join(b"%d\n" % (row * row) for row in range(20_000)))
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(whole[:-2000])
    with pytest.raises(InputError) as caught:
        tailrace.submit(str(path), chunk_rows=5_000, job_key="k")
    assert "stays open" in caught.value.__notes__[0]
    (job,) = stack.ledger().jobs(9)
    assert job.state is JobState.SUBMITTING
    path.write_bytes(whole)
    done = tailrace.submit(str(path), chunk_rows=5_000, job_key="k")
    assert done.job_id == job.job_id
    assert done.job.rows_total == 20_000
    assert done.chunks_skipped == len(list(stack.ledger().chunks(job.job_id))) - done.chunks_sent


def test_a_missing_endpoint_is_named_before_a_job_is_made(tailrace: Client, stack: Pipeline, source: str) -> None:
    with pytest.raises(InputError, match="'nowhere' is not there"):
        tailrace.submit(source, endpoint_name="nowhere")
    assert stack.ledger().jobs(9) == []


def test_a_missing_stack_is_named_with_those_that_there_are(stack: Pipeline, moto_url: str, source: str) -> None:
    client = Tailrace("other", session=sync_session(), endpoint_url=moto_url)
    with pytest.raises(InputError, match=f"no stack 'other' in {moto_url}.*: {NAME}"):
        client.submit(source)
    assert stack.ledger().jobs(9) == []


def test_cancelling_settles_every_row_and_the_job_takes_no_chunks(
    tailrace: Client, stack: Pipeline, source: str, tmp_path: Path
) -> None:
    submitted = tailrace.submit(source, chunk_rows=100, job_key="k")
    job = tailrace.cancel(submitted.job_id)
    assert job.state is JobState.CANCELLED
    assert job.rows_cancelled == ROWS
    assert all(chunk.state is ChunkState.CANCELLED for chunk in stack.ledger().chunks(job.job_id))
    again = tailrace.submit(source, chunk_rows=100, job_key="k")
    assert again.job.state is JobState.CANCELLED
    with pytest.raises(InputError, match="cancelled"):
        tailrace.download(job.job_id, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_job_that_is_closed_while_it_is_submitted_stops_taking_chunks(
    tailrace: Client, stack: Pipeline, source: str
) -> None:
    def cancel_at_once(moment: Progress) -> None:
        if moment.chunks_sent == 1 and stack.ledger().close(moment.job_id, JobState.CANCELLED, "by another"):
            pass

    submitted = tailrace.submit(source, chunk_rows=2, on_progress=cancel_at_once)
    assert submitted.job.outcome is JobState.CANCELLED
    assert submitted.job.state is JobState.CLOSING
    assert submitted.chunks_sent < 125


def test_a_damaged_part_is_found_and_no_file_appears(
    tailrace: Client, stack: Pipeline, source: str, tmp_path: Path
) -> None:
    submitted = tailrace.submit(source, chunk_rows=100)
    stack.score(submitted.job_id)
    key = keys.part_key(submitted.job_id, list(stack.ledger().chunks(submitted.job_id))[1].range)
    stack.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=stack.read(key)[:-1] + b"!")
    with pytest.raises(ContractError, match="damaged"):
        tailrace.download(submitted.job_id, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["input.csv"]


def test_a_download_goes_to_a_stream_or_is_compressed_by_its_name(
    tailrace: Client, stack: Pipeline, source: str, tmp_path: Path
) -> None:
    submitted = tailrace.submit(source, chunk_rows=100)
    stack.score(submitted.job_id)
    stream = io.BytesIO()
    tailrace.download(submitted.job_id, stream)
    tailrace.download(submitted.job_id, tmp_path / "out.csv.gz")
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()) == stream.getvalue()


def test_a_download_does_not_replace_a_source_of_the_job_unless_told_to(
    tailrace: Client, stack: Pipeline, source: str
) -> None:
    submitted = tailrace.submit(source, chunk_rows=100)
    stack.score(submitted.job_id)
    for target in (source, Path(source)):
        with pytest.raises(InputError, match="has the columns of the job's input"):
            tailrace.download(submitted.job_id, target)
    assert Path(source).read_bytes() == _SOURCE
    assert tailrace.download(submitted.job_id, source, replace_input=True).rows == ROWS
    assert Path(source).read_bytes().startswith(b"prediction\n")
    # What is there now is an earlier result.
    assert tailrace.download(submitted.job_id, source).rows == ROWS


def test_an_output_with_the_columns_of_the_input_is_refused_before_anything_is_sent(
    tailrace: Client, stack: Pipeline, source: str
) -> None:
    with pytest.raises(InputError, match="has the columns of the job's input"):
        tailrace.submit(io.BytesIO(_SOURCE), output=source)
    assert tailrace.jobs() == []
    assert stack.object_keys() == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://there-is-no-such-bucket/a.csv", "there is no bucket there-is-no-such-bucket"),
        ("s3://{bucket}/gone.csv", "bucket {bucket} has no object gone.csv: check the key"),
        (
            "s3://{bucket}/days/*.csv",
            r"name a prefix, and choose below it: s3://{bucket}/days/ --pattern '\*\.csv'",
        ),
    ],
)
def test_an_object_that_is_not_there_is_told_by_what_is_missing(
    tailrace: Client, stack: Pipeline, address: str, message: str
) -> None:
    with pytest.raises(InputError, match=message.format(bucket=stack.bucket)):
        tailrace.submit(address.format(bucket=stack.bucket))
    assert tailrace.jobs() == []


def test_a_job_under_way_is_not_downloaded_and_a_wait_for_it_ends(
    tailrace: Client, stack: Pipeline, source: str, tmp_path: Path
) -> None:
    submitted = tailrace.submit(source)
    with pytest.raises(InputError, match="wait for it first"):
        tailrace.download(submitted.job_id, tmp_path / "out.csv")
    with pytest.raises(TimedOutError, match="0 of 250 rows settled"):
        tailrace.wait(submitted.job_id, timeout_s=0)
    with pytest.raises(InputError, match="has no job"):
        tailrace.status("01JD0WAWQSRPH4P5HK2ZTF1J2N")
    assert stack.ledger().job(submitted.job_id) is not None
