"""A submit with ``remote`` makes the job of the same submit without it, while functions do the work."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import boto3
import pytest

from tailrace import AsyncTailrace, JobState, Tailrace
from tailrace.aws.connections import Boto3Connection
from tailrace.progress import CuttingProgress
from tailrace_core.aws.calls import Call
from tailrace_core.errors import InputError, JobKeyError
from tests.integration.producer.machine import PlayedMachine
from tests.integration.producer.sessions import async_session
from tests.integration.producer.stack import NAME, Pipeline

SOURCES = "sources"
_OPTIONS: dict[str, Any] = {"keep": ["id"], "chunk_rows": 3, "stripe_bytes": 40, "pattern": "*.csv*"}


def rows(first: int, count: int, end: str = "\n") -> bytes:
    return "".join(f'{row},"a, ""{row}""{end}b",{row * 7}{end}' for row in range(first, first + count)).encode()


OBJECTS = {
    "day/1.csv": b"id,text,x\n" + rows(0, 9),
    "day/2.csv.gz": gzip.compress(b"id,text,x\r\n" + rows(9, 5, "\r\n")),
    "day/3.csv": b"id,text,x\n" + rows(14, 1)[:-1],
    "day/4.csv": b"id,text,x\n",
    "day/5.csv": b"\xef\xbb\xbfid,text,x\n" + rows(15, 4) + b"19,bad\n",
    "day/_SUCCESS": b"",
    "day/readme.txt": b"no table",
}


@pytest.fixture
def machine(stack: Pipeline, moto_url: str, session: boto3.Session) -> PlayedMachine:
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=SOURCES, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for key, data in OBJECTS.items():
        s3.put_object(Bucket=SOURCES, Key=key, Body=data)
    connection = Boto3Connection(session=session, endpoint_url=moto_url, concurrency=1)
    return PlayedMachine(connection, stack.bucket, stack.table, stack.topic)


@pytest.fixture
def submitter(machine: PlayedMachine) -> Tailrace:
    return Tailrace(NAME, connection=machine, concurrency=1, sleep=lambda _: None)


def what_was_sent(stack: Pipeline, job_id: str) -> Any:
    """Return the chunks of a job, and its objects but those of the cutting."""
    chunks = [(each.range, each.state, each.rejected, each.input_checksum) for each in stack.ledger().chunks(job_id)]
    found = [key for key in stack.object_keys() if job_id in key and "/cutting/" not in key]
    return chunks, {key.replace(job_id, "JOB"): stack.read(key) for key in found}


def test_remote_and_local_make_the_same_job_and_the_phases_are_shown(
    stack: Pipeline, submitter: Tailrace, machine: PlayedMachine
) -> None:
    seen: list[str] = []

    def note(moment: Any) -> None:
        if isinstance(moment, CuttingProgress):
            seen.append(str(moment.cutting.phase))

    remote = submitter.submit("s3://sources/day/", remote=True, progress=note, **_OPTIONS)
    local = submitter.submit("s3://sources/day/", **_OPTIONS)
    assert what_was_sent(stack, remote.id) == what_was_sent(stack, local.id)
    assert (remote.job.state, remote.job.rows_total) == (JobState.RUNNING, 20)
    assert seen[:4] == ["count", "sum", "cut", "seal"]
    assert remote.submission.remote
    assert submitter.describe(remote.id).description.sources == ("s3://sources/day/ (*.csv*)",)
    stack.score(remote.id)
    assert submitter.wait(remote.id).state is JobState.COMPLETED_WITH_REJECTS
    assert next(submitter.rejects(remote.id, source="s3://sources/day/", pattern="*.csv*")).record == b"19,bad"
    assert submitter.cutting(local.id) is None
    assert len(machine.executions) == 1


class PlayedAsync(AsyncTailrace):
    """The async client, whose calls another thread makes."""

    machine: PlayedMachine

    async def _execute(self, call: Call) -> Any:
        return await asyncio.to_thread(self.machine.execute, call)


async def _at_once(_: float) -> None:
    """Wait for nothing."""


def test_the_async_client_makes_the_same_job(stack: Pipeline, submitter: Tailrace, machine: PlayedMachine) -> None:
    seen: list[str] = []

    async def submit() -> tuple[str, int]:
        session = async_session()
        async with PlayedAsync(NAME, session=session, sleep=_at_once) as client:
            client.machine = machine
            rows = (await client.count("s3://sources/day/", **_OPTIONS)).rows
            job = await client.submit(
                "s3://sources/day/", remote=True, progress=lambda moment: seen.append(type(moment).__name__), **_OPTIONS
            )
            assert await client.cutting(job.id) is not None
            with pytest.raises(InputError, match="is on this machine"):
                await client.submit(__file__, remote=True)
            return job.id, rows

    job_id, rows = asyncio.run(submit())
    assert rows == 20
    assert seen == ["CuttingProgress"] * 5 + ["JobProgress"]
    assert what_was_sent(stack, job_id) == what_was_sent(stack, submitter.submit("s3://sources/day/", **_OPTIONS).id)


def test_counting_remotely_makes_no_job(submitter: Tailrace, stack: Pipeline) -> None:
    found = submitter.count("s3://sources/day/", **_OPTIONS)
    assert (found.rows, found.objects) == (20, 5)
    assert found.source_bytes == sum(len(data) for key, data in OBJECTS.items() if ".csv" in key)
    assert not submitter.jobs()
    stack.client("s3").put_object(Bucket=SOURCES, Key="day/6.csv", Body=b"id,other\n")
    with pytest.raises(InputError, match=r"the header of s3://sources/day/6\.csv is not that"):
        submitter.count("s3://sources/day/", **_OPTIONS)


def test_an_input_that_cannot_be_cut_fails_its_job_before_anything_is_sent(
    submitter: Tailrace, stack: Pipeline
) -> None:
    stack.client("s3").put_object(Bucket=SOURCES, Key="day/3.csv", Body=b'id,text,x\n1,"open,2\n')
    with pytest.raises(InputError, match=r"could not be cut: s3://sources/day/3\.csv ends inside quotes") as raised:
        submitter.submit("s3://sources/day/", remote=True, **_OPTIONS)
    (job,) = submitter.jobs()
    assert (job.state, raised.value.__notes__) == (JobState.FAILED, [f"job {job.job_id} was closed as failed"])
    assert not list(submitter.chunks(job.job_id))


@pytest.mark.parametrize(("phase", "versioning"), [("count", "Suspended"), ("sum", "Enabled"), ("cut", "Enabled")])
def test_an_object_that_changes_in_any_phase_fails_the_job_by_its_name(
    submitter: Tailrace, stack: Pipeline, phase: str, versioning: str
) -> None:
    s3 = stack.client("s3")
    s3.put_bucket_versioning(Bucket=SOURCES, VersioningConfiguration={"Status": versioning})

    def replace(moment: Any) -> None:
        if isinstance(moment, CuttingProgress) and moment.cutting.phase == phase:
            s3.put_object(Bucket=SOURCES, Key="day/5.csv", Body=b"id,text,x\n" + rows(15, 5))

    with pytest.raises(InputError, match=r"s3://sources/day/5\.csv has changed or is gone since the job began"):
        submitter.submit("s3://sources/day/", remote=True, progress=replace, **_OPTIONS)
    (job,) = submitter.jobs()
    assert (job.state, job.rows_open) == (JobState.FAILED, 0)


def test_the_same_key_starts_nothing_twice_and_holds_for_the_same_objects(
    submitter: Tailrace, machine: PlayedMachine
) -> None:
    first = submitter.submit("s3://sources/day/1.csv", remote=True, job_key="k", stripe_bytes=40)
    again = submitter.submit("s3://sources/day/1.csv", remote=True, job_key="k", stripe_bytes=40)
    assert (again.id, again.continued, len(machine.executions)) == (first.id, True, 1)
    # The chunks are the same, so that a submit from here finds them all.
    local = submitter.submit("s3://sources/day/1.csv", job_key="k", stripe_bytes=40)
    assert (local.id, local.chunks_sent) == (first.id, 0)
    with pytest.raises(JobKeyError, match="other settings"):
        submitter.submit("s3://sources/day/1.csv", remote=True, job_key="k", stripe_bytes=41)


def test_a_key_of_a_finished_job_is_refused_for_other_objects_by_their_names(
    submitter: Tailrace, stack: Pipeline, machine: PlayedMachine
) -> None:
    s3, options = stack.client("s3"), {"job_key": "nightly", **_OPTIONS}
    first = submitter.submit("s3://sources/day/", remote=True, **options)
    stack.score(first.id)
    assert submitter.wait(first.id).state is JobState.COMPLETED_WITH_REJECTS
    again = submitter.submit("s3://sources/day/", remote=True, **options)
    assert (again.id, again.continued, len(machine.executions)) == (first.id, True, 1)
    s3.put_object(Bucket=SOURCES, Key="day/6.csv", Body=b"id,text,x\n" + rows(20, 2))
    with pytest.raises(JobKeyError, match=r"was used with \(job \w+\): s3://sources/day/6\.csv was added; submit"):
        submitter.submit("s3://sources/day/", remote=True, **options)
    s3.delete_object(Bucket=SOURCES, Key="day/2.csv.gz")
    with pytest.raises(JobKeyError, match=r"s3://sources/day/2\.csv\.gz is gone, and 1 more differs; submit the same"):
        submitter.submit("s3://sources/day/", remote=True, **options)
    s3.put_object(Bucket=SOURCES, Key="day/1.csv", Body=OBJECTS["day/1.csv"] + rows(9, 1))
    with pytest.raises(JobKeyError, match=r"s3://sources/day/1\.csv has changed, and 2 more differ;"):
        submitter.submit("s3://sources/day/", remote=True, **options)
    with pytest.raises(JobKeyError, match="other objects"):
        submitter.submit("s3://sources/day/1.csv", remote=True, **{**options, "pattern": None})


def test_a_job_that_was_not_cut_remotely_cannot_be_compared(submitter: Tailrace, stack: Pipeline) -> None:
    local = submitter.submit("s3://sources/day/1.csv", job_key="k", stripe_bytes=40)
    stack.score(local.id)
    with pytest.raises(JobKeyError, match=r"nobody can tell whether job .* submit it without --remote again, or use"):
        submitter.submit("s3://sources/day/1.csv", remote=True, job_key="k", stripe_bytes=40)


@pytest.mark.parametrize(("phase", "not_done"), [("count", "/cutting/starts.jsonl"), ("cut", "/input/")])
def test_a_cancelled_job_is_cut_no_further_and_its_execution_stopped(
    submitter: Tailrace, machine: PlayedMachine, stack: Pipeline, phase: str, not_done: str
) -> None:
    def cancel(moment: Any) -> None:
        if isinstance(moment, CuttingProgress) and moment.cutting.phase == phase:
            submitter.cancel(moment.job.job_id, "not needed")
            submitter.cancel(moment.job.job_id)

    job = submitter.submit("s3://sources/day/", remote=True, progress=cancel, **_OPTIONS)
    assert (job.job.state, job.job.reason) == (JobState.CANCELLED, "not needed")
    assert [each.status for each in machine.executions.values()] == ["ABORTED"]
    assert not [key for key in stack.object_keys() if job.id in key and not_done in key]


def test_what_cannot_be_cut_remotely_is_refused_before_there_is_a_job(submitter: Tailrace) -> None:
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (__file__, {}, "is on this machine, and with --remote every source lies in S3"),
        ("-", {}, "- is standard input"),
        (b"id\n1\n", {}, "is data in memory"),
        (["s3://sources/day/1.csv", __file__], {}, "is on this machine"),
        ("s3://sources/day/", {"recipe": "fitted.json"}, "a recipe prepares rows on this machine"),
        ("s3://sources/day/1.csv", {"pattern": "*"}, "chooses among the objects below a prefix"),
        ("s3://sources/gone/", {}, "there is no object below s3://sources/gone/"),
        ("s3://sources/day", {}, "s3://sources/day, or no such bucket: check the name; a prefix ends with /"),
        ("s3://sources/day/1.csv", {"keep": ["y"]}, "'y'"),
    ]
    for sources, options, message in cases:
        with pytest.raises(InputError, match=message):
            submitter.submit(sources, remote=True, **options)
    assert not submitter.jobs()


def test_a_stack_without_the_functions_says_how_to_get_them(
    stack: Pipeline, moto_url: str, session: boto3.Session
) -> None:
    del stack
    plain = Tailrace(NAME, session=session, endpoint_url=moto_url)
    with pytest.raises(InputError, match="deploy it with the parameter RemoteCutting=true"):
        plain.submit("s3://sources/day/", remote=True)
