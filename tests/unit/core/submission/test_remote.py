"""The start of a remote job, over a bucket and a state machine in memory."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from typing import Any, cast

import pytest

from tailrace_core.aws.calls import Call, Steps, run, with_bodies
from tailrace_core.csv_text.framing import MAX_RECORD_BYTES
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.engines import Engine
from tailrace_core.errors import ConditionFailedError, InputError, JobKeyError, NotFoundError
from tailrace_core.jobs.model import Job, JobSettings, JobState
from tailrace_core.objects import keys
from tailrace_core.submission.chunk_steps import JobSession
from tailrace_core.submission.executions import execution_arn
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.remote import RemoteSteps, read_input
from tailrace_core.submission.resources import Resources
from tailrace_core.submission.resuming import PreviousChunks
from tailrace_core.submission.striping.request import CuttingRequest, SourceName
from tailrace_core.submission.submit_steps import SubmitSteps

MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:demo-cutting"


class Cloud:
    """A bucket ``b``, and a state machine whose executions run until they are ended."""

    bucket = "b"

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.running: dict[str, bool] = {}
        self.inputs: dict[str, Any] = {}

    def __call__(self, call: Call) -> Any:
        return getattr(self, call.operation)(**call.params)

    def etag(self, key: str) -> str:
        return f'"{hash(self.objects[key])}"'

    def list_objects_v2(self, *, Bucket: str, Prefix: str) -> Any:  # noqa: N803 - AWS's names
        assert Bucket == self.bucket
        found = sorted(key for key in self.objects if key.startswith(Prefix))
        return {"Contents": [{"Key": key, "Size": len(self.objects[key]), "ETag": self.etag(key)} for key in found]}

    def head_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803 - as above
        if Key not in self.objects:
            raise NotFoundError(f"{Bucket}/{Key}: 404")
        return {"ContentLength": len(self.objects[Key]), "ETag": self.etag(Key)}

    def get_object(self, *, Bucket: str, Key: str, Range: str = "bytes=0-9", IfMatch: str | None = None) -> Any:  # noqa: N803 - as above
        assert Bucket == self.bucket
        if IfMatch not in {None, self.etag(Key)}:
            raise ConditionFailedError("PreconditionFailed")
        stop = int(Range.partition("-")[2]) + 1 if IfMatch else None
        return {"Body": io.BytesIO(self.objects[Key][:stop])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfNoneMatch: str) -> None:  # noqa: N803 - as above
        assert (Bucket, ContentType, IfNoneMatch) == (self.bucket, "application/json", "*")
        if Key in self.objects:
            raise ConditionFailedError("PreconditionFailed")
        self.objects[Key] = Body

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> Any:  # noqa: A002, N803 - as above
        if not self.running.setdefault(name, True):
            raise ConditionFailedError("ExecutionAlreadyExists")
        self.inputs[name] = json.loads(input)
        return {"executionArn": execution_arn(stateMachineArn, name)}


class Jobs:
    """The one job of a key: a submit creates it or finds it."""

    def __init__(self, stripe_bytes: int | None = None) -> None:
        self.state = JobState.SUBMITTING
        self.sources: Sequence[str] = ()
        self._stripe_bytes = stripe_bytes

    def open(self, settings: JobSettings, options: SubmitOptions, sources: Sequence[str]) -> Steps[JobSession]:
        del options
        self.sources = sources
        job = Job(job_id="J", state=self.state, created_at=0, deadline_at=9, split_budget=1)
        if self._stripe_bytes is not None:
            settings = JobSettings(**{**vars(settings), "stripe_bytes": self._stripe_bytes})
        yield from ()
        return JobSession(job, settings, PreviousChunks(()))


def remote(cloud: Cloud, jobs: Jobs) -> RemoteSteps:
    return RemoteSteps(cast("SubmitSteps", jobs), cast("Resources", cloud), MACHINE)


def start(cloud: Cloud, jobs: Jobs, *sources: SourceName, **options: Any) -> str | None:
    execute, given = with_bodies(cloud), SubmitOptions(**options)
    found = run(read_input(sources, given.header), execute)
    steps = remote(cloud, jobs)
    session = run(steps.open(found, given, endpoint_name="m", engine=Engine.ASYNC), execute)
    return run(steps.launch(session, found, given), execute)


PREFIX = SourceName(bucket="b", key="p/", is_prefix=True)
ROWS = b"id,x\r\n" + b"1,2\r\n" * 9


def test_the_columns_are_those_of_the_first_source() -> None:
    long = b'"' + b"y" * 100_000 + b'",x\n1,2\n'
    for data, header in ((ROWS, b"id,x"), (gzip.compress(ROWS), b"id,x"), (b"\xef\xbb\xbf" + long, long[:100_004])):
        cloud = Cloud({"p/_SUCCESS": b"", "p/a.csv": data, "p/b.csv": b"other\n"})
        assert run(read_input([PREFIX], HeaderPolicy.STRIP), with_bodies(cloud)).header == header
    found = run(read_input([SourceName(bucket="b", key="p/a.csv")], HeaderPolicy.NONE), with_bodies(cloud))
    assert (found.header, found.columns) == (None, ("column_1", "column_2"))
    assert found.sources[0].etag == cloud.etag("p/a.csv")


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "is empty"), (b"PAR1", "Parquet"), (gzip.compress(ROWS)[:20], "cut off"), (b"a,a\n", "twice")],
    ids=["empty", "parquet", "cut off", "twice"],
)
def test_a_first_object_that_is_no_csv_is_refused_before_there_is_a_job(data: bytes, message: str) -> None:
    jobs = Jobs()
    with pytest.raises(InputError, match=message):
        start(Cloud({"p/a.csv": data}), jobs, PREFIX)
    assert not jobs.sources


@pytest.mark.parametrize(("mark", "extra"), [(b"", 0), (b"\xef\xbb\xbf", 0), (b"", 1), (b"\xef\xbb\xbf", 60)])
def test_a_first_record_may_be_as_long_as_a_record(extra: int, mark: bytes) -> None:
    header = b"a," + b"b" * (MAX_RECORD_BYTES - 3 + extra)
    reading = read_input([PREFIX], HeaderPolicy.NONE)
    execute = with_bodies(Cloud({"p/a.csv": mark + header + b"\n" + b"1,2\n" * 20}))
    if extra:
        with pytest.raises(InputError, match=r"the first record of s3://b/p/a\.csv does not end within"):
            run(reading, execute)
    else:
        assert len(run(reading, execute).columns) == 2


def test_a_source_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no object s3://b/p, or no such bucket: check the name; a prefix ends with /"):
        start(Cloud({"p/a.csv": ROWS}), Jobs(), SourceName(bucket="b", key="p"))
    with pytest.raises(InputError, match=r"s3://b/p/a\.csv has changed"):
        start(Cloud({"p/a.csv": ROWS}), Jobs(), SourceName(bucket="b", key="p/a.csv", etag='"another"'))


def test_starting_again_starts_nothing_twice_until_the_execution_has_ended() -> None:
    cloud, jobs = Cloud({"p/a.csv": ROWS}), Jobs()
    first = start(cloud, jobs, PREFIX, keep="id")
    assert first == execution_arn(MACHINE, "J")
    assert start(cloud, jobs, PREFIX, keep="id") == first
    assert cloud.inputs == {"J": {"job_id": "J", "dry_run": False}}
    request = CuttingRequest.from_json(cloud.objects[keys.cutting_request_key("J")])
    assert (request.header, request.settings.sent_columns, request.settings.stripe_bytes) == ("id,x", (1,), 2**27)
    assert (request.sources, jobs.sources, request.deadline_at) == ((PREFIX,), ("s3://b/p/",), 9)
    # A request that an older version stored has no deadline; its job goes on all the same.
    del (stored := json.loads(cloud.objects[keys.cutting_request_key("J")]))["deadline_at"]
    cloud.objects[keys.cutting_request_key("J")] = json.dumps(stored).encode()
    assert start(cloud, jobs, PREFIX, keep="id") == first

    cloud.running["J"] = False
    assert start(cloud, jobs, PREFIX, keep="id") == execution_arn(MACHINE, "J", 2)
    jobs.state = JobState.RUNNING
    assert start(cloud, jobs, PREFIX, keep="id") is None


def test_a_job_goes_on_with_the_objects_that_it_was_begun_with() -> None:
    cloud, jobs = Cloud({"p/a.csv": ROWS}), Jobs()
    named = SourceName(bucket="b", key="p/a.csv")
    start(cloud, jobs, named, job_key="k")
    cloud.objects["p/a.csv"] = ROWS + b"3,4\r\n"
    with pytest.raises(JobKeyError, match="the input differs from what job key 'k' was used with"):
        start(cloud, jobs, named, job_key="k")


def test_a_job_that_was_begun_without_stripes_is_not_continued_remotely() -> None:
    cloud = Cloud({"p/a.csv": ROWS})
    with pytest.raises(JobKeyError, match="continue it without --remote"):
        start(cloud, Jobs(stripe_bytes=0), PREFIX, job_key="k")
    assert not cloud.running


def test_counting_makes_no_job() -> None:
    cloud, jobs = Cloud({"p/a.csv": ROWS}), Jobs()
    execute, options = with_bodies(cloud), SubmitOptions()
    found = run(read_input([PREFIX], options.header), execute)
    counting = remote(cloud, jobs).count("C", found, options, endpoint_name="m", engine=Engine.ASYNC)
    assert run(counting, execute) == execution_arn(MACHINE, "C")
    assert cloud.inputs == {"C": {"job_id": "C", "dry_run": True}}
    assert not jobs.sources
