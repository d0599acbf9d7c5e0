"""The steps of the functions that cut sources in S3, and of the state machine that calls them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import ClientError

from tailrace_core.objects import keys
from tailrace_core.submission.striping.request import SourceName
from tests.integration.access.steps.functions import Functions
from tests.integration.access.steps.scene import Scene, plain
from tests.integration.access.steps.sources import BAD_ROW, CSV, LAKE, OPEN_QUOTE, RemoteJobs, without_version
from tests.integration.access.steps.step import EffectWait, Observation, Step
from tests.integration.local.polling import eventually

_LONG_FOLDER = "/" + "f" * 900
_MANY = 9_000
"""So many lines, or ranges, with a key of such a length take more than one part of an upload."""
_RETRIED_S = 15.0
"""Well below the 31 s for which an execution tries again to read a list, and fails then."""
_NOBODYS: dict[str, Any] = {"job_id": "0" * 26, "dry_run": False, "checkpoint": None}


class Cutting(Functions):
    """Steps of remote jobs: each function is called as the state machine calls it."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._jobs = RemoteJobs(scene)

    def listing(self) -> Iterator[Step]:
        """The steps of ListStripes."""
        yield self._starts_process("ListStripes")
        yield Step(
            "list objects of the inbox and of another bucket",
            lambda _: self._call("ListStripes", self._jobs.open(*self._jobs.put_each(CSV))),
        )
        yield Step("list a prefix of another bucket", lambda _: self._prefix_listed())
        yield Step("find that the objects are listed, and gone since", lambda _: self._listed_before())
        yield Step("abort a large list", lambda _: self._large_list())

    def counting(self) -> Iterator[Step]:
        """The steps of CountStripe."""
        yield self._starts_process("CountStripe", stripe={"stripe": 0, "of_several": False, "pieces": []})
        yield Step("count rows of the inbox and of another bucket", lambda _: self._counted())
        yield Step("refuse a file of the inbox that is gone", lambda _: self._gone("CountStripe"))

    def summing(self) -> Iterator[Step]:
        """The steps of SumStripes."""
        yield self._starts_process("SumStripes")
        yield Step("sum the rows of a file", lambda _: self._summed(self._jobs.put(CSV)))
        for where, bucket in (("the inbox", self._scene.bucket), ("another bucket", LAKE)):
            find = functools.partial(self._open_quote, bucket)
            yield Step(f"find an open quote in a version of {where}", functools.partial(find, versioned=True))
            yield Step(f"find an open quote in {where}", functools.partial(find, versioned=False))
        yield Step("abort the starts of a large input", lambda _: self._large_sum())

    def cutting(self) -> Iterator[Step]:
        """The steps of CutStripe."""
        start = {"stripe": 0, "first_row": 0, "rows": 0, "ranges": [], "of_several": False, "is_last": True}
        yield self._starts_process("CutStripe", stripe=start)
        yield Step("cut rows of the inbox and of another bucket", lambda _: self._cut(*self._jobs.put_each(CSV)))
        yield Step("cut rows with a kept column, of which some cannot be sent", lambda _: self._cut_in_part())
        yield Step("refuse a file of the inbox that is gone", lambda _: self._gone("CutStripe"))

    def sealing(self) -> Iterator[Step]:
        """The steps of SealCutting."""
        yield self._starts_process("SealCutting", sum={"rows_total": 1})
        yield from self.scored_directly("SealCutting")
        yield Step("seal a job without a row to score, via transform", lambda _: self._sealed_without_rows())

    def failing(self) -> Iterator[Step]:
        """The steps of FailCutting."""
        yield from self._process("FailCutting", "CuttingEnds")
        yield Step("fail a job that is cut in part, via transform", lambda _: self._failed())

    def executing(self) -> Iterator[Step]:
        """The steps of the state machine."""
        yield Step("cut a file in an execution", lambda wait: self._executed(wait, CSV))
        yield Step("fail a file in an execution", lambda wait: self._executed(wait, OPEN_QUOTE))

    def scored_directly(self, function: str) -> Iterator[Step]:
        """The step of a function that invokes chunks, whatever the endpoint."""
        if function == "CutStripe":
            yield Step("cut a file", lambda _: self._cut(self._jobs.put(CSV)))
        else:
            yield Step("seal a job with a chunk that waits", lambda _: self._sealed_with_room())

    # -- of each function

    def _starts_process(self, function: str, **more: Any) -> Step:
        event = {**_NOBODYS, **more}
        return Step("start a process that logs", lambda wait: self._scene.logged(wait, function, event))

    def _call(self, function: str, job: str, **more: Any) -> Observation:
        """Observe a task of the state machine."""
        seen = self._scene.invoked(function, {**_NOBODYS, "job_id": job, **more})
        return {**seen, "objects": self._scene.keys(job)}

    def _gone(self, function: str) -> Observation:
        """Have a function read a file that was deleted after it was listed, or counted."""
        source = without_version(self._jobs.put(CSV, bucket=self._scene.bucket))
        job = self._jobs.open(source)
        (stripe,) = (self._jobs.stripes if function == "CountStripe" else self._jobs.starts)(job)
        self._jobs.s3.delete_object(Bucket=source.bucket, Key=source.key)
        return self._call(function, job, stripe=stripe)

    # -- listing, counting and summing

    def _prefix_listed(self) -> Observation:
        source = self._jobs.put(CSV)
        prefix = SourceName(bucket=LAKE, key=source.key.removesuffix("a.csv"), is_prefix=True)
        return self._call("ListStripes", self._jobs.open(prefix))

    def _listed_before(self) -> Observation:
        source = without_version(self._jobs.put(CSV))
        job = self._jobs.open(source)
        self._jobs.stripes(job)
        self._jobs.s3.delete_object(Bucket=source.bucket, Key=source.key)
        return self._call("ListStripes", job)

    def _large_list(self) -> Observation:
        source = self._jobs.put(CSV.ljust(_MANY, b"\n"), folder=_LONG_FOLDER)
        seen = self._call("ListStripes", self._jobs.open(source, stripe_bytes=1))
        return {**seen, "uploads left": self._scene.drop_uploads()}

    def _counted(self) -> Observation:
        job = self._jobs.open(*self._jobs.put_each(CSV))
        (stripe,) = self._jobs.stripes(job)
        return self._call("CountStripe", job, stripe=stripe)

    def _summed(self, source: SourceName) -> Observation:
        job = self._jobs.open(source)
        self._jobs.counted(job)
        return self._call("SumStripes", job)

    def _open_quote(self, bucket: str, _: EffectWait, *, versioned: bool) -> Observation:
        source = self._jobs.put(OPEN_QUOTE, bucket=bucket)
        return self._summed(source if versioned else without_version(source))

    def _large_sum(self) -> Observation:
        """Sum one stripe of many objects: the same one, again and again."""
        job = self._jobs.open(self._jobs.put(CSV, folder=_LONG_FOLDER))
        self._jobs.counted(job)
        for key in (keys.stripes_key(job), keys.stripe_count_key(job, 0)):
            stored = json.loads(self._jobs.read(key))
            self._jobs.write(key, json.dumps({**stored, "pieces": stored["pieces"] * _MANY}).encode())
        return {**self._call("SumStripes", job), "uploads left": self._scene.drop_uploads()}

    # -- cutting, and the ends of it

    def _cut(self, *sources: SourceName, **options: Any) -> Observation:
        job = self._jobs.open(*sources, **options)
        (start,) = self._jobs.starts(job)
        return {**self._call("CutStripe", job, stripe=start), **self._scene.became_of(job)}

    def _cut_in_part(self) -> Observation:
        source = self._jobs.put(CSV + 3 * BAD_ROW)
        return self._cut(source, keep=["id"], chunk_rows=3)

    def _sealed(self, job: str, rows: int) -> Observation:
        return {**self._call("SealCutting", job, sum={"rows_total": rows}), **self._scene.became_of(job)}

    def _sealed_with_room(self) -> Observation:
        """Seal a job whose chunk in flight was settled before the other one was recorded as waiting."""
        job = self._jobs.open(self._jobs.put(CSV), chunk_rows=1, window=1)
        rows = self._jobs.cut_whole(job)
        self._scene.change(job, "job", chunks_in_flight=0)
        return self._sealed(job, rows)

    def _sealed_without_rows(self) -> Observation:
        job = self._jobs.open(self._jobs.put(b"id,x\n" + BAD_ROW), via="transform")
        return self._sealed(job, self._jobs.cut_whole(job))

    def _failed(self) -> Observation:
        """Fail a job of which the last object is cut, and none before it."""
        job = self._jobs.open(self._jobs.put(CSV), self._jobs.put(CSV), stripe_bytes=len(CSV), via="transform")
        starts = self._jobs.starts(job)
        assert len(starts) > 1
        self._jobs.cut(job, starts[-1])
        return {**self._call("FailCutting", job, Error="InputError", Cause="no"), **self._scene.became_of(job)}

    # -- the state machine

    def _executed(self, wait: EffectWait, body: bytes) -> Observation:
        states, job = self._scene.cloud.client("stepfunctions"), self._jobs.open(self._jobs.put(body))
        execution = _begin(self._scene, job, dry_run=False)

        def ended() -> bool:
            return _status(self._scene, execution) != "RUNNING"

        wait.until(ended, most_after_refusal_s=_RETRIED_S)
        found = states.describe_execution(executionArn=execution)
        if found["status"] == "RUNNING":
            # It tries again what it was refused.
            states.stop_execution(executionArn=execution)
            eventually(ended, what="the end of an execution")
        said = {"said": plain(f"{found['error']} {found['cause']}"[:200])} if "error" in found else {}
        return {
            "the execution": "tries again" if found["status"] == "RUNNING" else found["status"],
            **said,
            "the job": str(self._scene.client.status(job).state),
        }


@functools.cache
def counted_job(scene: Scene) -> tuple[str, str]:
    """Create a remote job whose rows an execution has counted; return it and the execution's ARN."""
    jobs = RemoteJobs(scene)
    job = jobs.open(jobs.put(CSV))
    execution = _begin(scene, job, dry_run=True)
    eventually(lambda: _status(scene, execution) != "RUNNING", what="the end of an execution")
    return job, execution


@contextmanager
def cutting_job(scene: Scene) -> Iterator[tuple[str, Callable[[], str]]]:
    """Create a remote job whose execution waits for its first function until the block ends.

    Yields it and a function that returns the execution's state.
    """
    jobs, function = RemoteJobs(scene), {"FunctionName": scene.cloud.functions["ListStripes"]}
    job = jobs.open(jobs.put(CSV))
    scene.cloud.client("lambda").put_function_concurrency(**function, ReservedConcurrentExecutions=0)
    try:
        execution = _begin(scene, job, dry_run=True)
        yield job, lambda: _status(scene, execution)
        with suppress(ClientError):
            scene.cloud.client("stepfunctions").stop_execution(executionArn=execution)
    finally:
        scene.cloud.client("lambda").delete_function_concurrency(**function)


def _begin(scene: Scene, job: str, *, dry_run: bool) -> str:
    machine, given = scene.cloud.outputs["CuttingStateMachine"], json.dumps({"job_id": job, "dry_run": dry_run})
    started = scene.cloud.client("stepfunctions").start_execution(stateMachineArn=machine, name=job, input=given)
    return str(started["executionArn"])


def _status(scene: Scene, execution: str) -> str:
    return str(scene.cloud.client("stepfunctions").describe_execution(executionArn=execution)["status"])
