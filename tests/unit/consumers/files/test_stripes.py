"""ListStripes, CountStripe and SumStripes, over a bucket in memory."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import pytest
import zstandard

from tailrace_consumers.files.count_stripe.handler import MARGIN_MS, handle
from tailrace_consumers.files.count_stripe.service import CountStripe
from tailrace_consumers.files.list_stripes.service import ListStripes
from tailrace_consumers.files.sum_stripes.service import InputTotals, SumStripes
from tailrace_core.aws.calls import Call
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import AccessDeniedError, InputError, NotFoundError
from tailrace_core.objects import keys
from tailrace_core.submission.chunk_steps import JobClosedError
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import planner_for
from tailrace_core.submission.striping.counting import StripeCounting, Unfinished
from tailrace_core.submission.striping.manifest import MAX_OBJECTS, MAX_STRIPES, SourceObject, Stripe, plan_stripes
from tailrace_core.submission.striping.reading import StripeStart
from tailrace_core.submission.striping.request import CuttingRequest, SourceName
from tailrace_core.submission.striping.runs import run_from_dict
from tests.fakes.consumer_ports import MemoryObjectStore
from tests.unit.core.submission.striping.cutting import BUCKET, MemoryObjects, growing, starts

JOB = "01K0000000000000000000000A"
FOLDER = SourceName(bucket=BUCKET, key="in/", is_prefix=True)
STEP_BYTES = 256 * 1024
"""Most that a state machine passes from step to step."""


T = TypeVar("T")


@dataclass
class Machine:
    """The first steps of the state machine, each with what the bucket holds."""

    objects: MemoryObjects
    sources: tuple[SourceName, ...] = (FOLDER,)
    options: SubmitOptions = field(default_factory=lambda: SubmitOptions(stripe_bytes=10))
    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    is_time_up: Callable[[], bool] = lambda: False
    calls: int = 0
    deadline_at: float | None = None
    now: Callable[[], float] = lambda: 1e12

    def __post_init__(self) -> None:
        planner = planner_for(("a", "b"), b"a,b", self.options, endpoint_name="e", by_stripes=True)
        request = CuttingRequest(
            sources=self.sources, settings=planner.settings, header="a,b", deadline_at=self.deadline_at
        )
        stored = CuttingRequest.from_json(request.to_json())
        assert (stored, stored.deadline_at) == (request, self.deadline_at)
        self.store.put(keys.cutting_request_key(JOB), request.to_json().encode())

    def listed(self) -> list[Any]:
        ListStripes(self.store, self._execute).list(JOB)
        return self._lines(keys.stripes_key(JOB))

    @property
    def stripes(self) -> list[Stripe]:
        return _in_runs(self.listed(), Stripe.from_dict)

    def count(self) -> None:
        service = CountStripe(self.store, self.objects.open_range, now=self.now)
        for run in self.listed():
            event = {"job_id": JOB, "dry_run": False, "stripe": run, "checkpoint": None}
            while not (done := handle(event, service, self._remaining_ms))["done"]:
                event = json.loads(json.dumps(event | {"checkpoint": done["checkpoint"]}))
                assert len(json.dumps(event)) < STEP_BYTES

    def sum(self, reads_at_once: int = 1) -> InputTotals:
        self.count()
        return SumStripes(self.store, self.objects.open_range, reads_at_once=reads_at_once).sum(JOB)

    @property
    def starts(self) -> list[StripeStart]:
        return _in_runs(self._lines(keys.stripe_starts_key(JOB)), StripeStart.from_dict)

    def _lines(self, key: str) -> list[Any]:
        return [json.loads(line) for line in self.store.objects[key][0].splitlines()]

    def _remaining_ms(self) -> int:
        self.calls += 1
        return MARGIN_MS - 1 if self.is_time_up() else MARGIN_MS

    def _execute(self, call: Call) -> Any:
        found = {
            each.key: {"Key": each.key, "Size": each.size_bytes, "ETag": each.etag} for each in self.objects.sources
        }
        if call.operation == "list_objects_v2":
            return {"Contents": [each for key, each in found.items() if key.startswith(call.params["Prefix"])]}
        assert call.operation == "head_object"
        if call.params["Key"] not in found:
            raise NotFoundError("404", code="404")
        each = found[call.params["Key"]]
        return {"ContentLength": each["Size"], "ETag": each["ETag"]}


def _in_runs(lines: list[Any], read: Callable[[dict[str, Any]], T]) -> list[T]:
    return list(chain.from_iterable(run_from_dict(each, read) for each in lines))


def _objects() -> MemoryObjects:
    data = b'a,b\n1,"x\ny"\n2,3\n4,"\n\n\n\n\n\n\n\n\n\n\n\n\n\n"\n'
    return MemoryObjects({"in/0": data, "in/1": b"a,b\r\n5,6", "in/2": gzip.compress(data * 40), "in/3": data}, 7)


def test_the_stripes_are_listed_once_in_the_order_of_keys_with_the_versions_found_first() -> None:
    machine = Machine(_objects(), options=SubmitOptions(stripe_bytes=30))
    first = machine.stripes
    assert [(each.number, [piece.source.key for piece in each.pieces]) for each in first][:3] == [
        (0, ["in/0"]),
        (1, ["in/0"]),
        (2, ["in/1"]),
    ]
    assert first[0].pieces[0].source.etag == '"in/0"'
    machine.objects = MemoryObjects({})
    assert machine.stripes == first


@pytest.mark.parametrize(
    ("objects", "size_bytes", "message"),
    [(1, MAX_STRIPES * 10, None), (1, MAX_STRIPES * 10 + 1, "larger stripes"), (MAX_OBJECTS + 1, 1, "join small ones")],
)
def test_more_than_a_job_takes_is_refused_with_what_to_do(objects: int, size_bytes: int, message: str | None) -> None:
    plan = plan_stripes([SourceObject(bucket=BUCKET, key="a", size_bytes=size_bytes)] * objects, 10)
    if message is None:
        assert next(plan).number == 0
    else:
        with pytest.raises(InputError, match=message):
            next(plan)


def test_a_prefix_with_more_objects_than_a_job_takes_is_listed_no_further() -> None:
    pages: list[Any] = []

    def endless(call: Call) -> Any:
        pages.append(call.params.get("ContinuationToken"))
        found = [{"Key": f"in/{len(pages):04d}/{at:04d}", "Size": 1, "ETag": '"e"'} for at in range(1000)]
        return {"Contents": found, "IsTruncated": True, "NextContinuationToken": str(len(pages))}

    store = Machine(_objects()).store
    with pytest.raises(InputError, match=r"more than 100000 objects lie below s3://data/in/, .* as several jobs"):
        ListStripes(store, endless).list(JOB)
    assert len(pages) == MAX_OBJECTS // 1000 + 1
    assert keys.stripes_key(JOB) not in store.objects


@pytest.mark.parametrize("etag", [None, '"other"'])
def test_an_object_that_is_gone_or_another_than_the_request_names_is_refused_by_its_name(etag: str | None) -> None:
    machine = Machine(_objects(), (SourceName(bucket=BUCKET, key="in/9" if etag is None else "in/0", etag=etag),))
    with pytest.raises(InputError, match=r"s3://data/in/\d has changed or is gone"):
        machine.listed()


@pytest.mark.parametrize("name", ["in/", "in/0"])
def test_a_source_that_may_not_be_listed_or_read_is_named_with_the_parameters_that_let_it(name: str) -> None:
    def refuse(_: Call) -> Any:
        raise AccessDeniedError("403: Forbidden", code="403")

    machine = Machine(_objects(), (SourceName(bucket=BUCKET, key=name, is_prefix=name.endswith("/")),))
    with pytest.raises(AccessDeniedError, match=rf"may not read s3://data/{name}, .*SourceArns .*403: Forbidden"):
        ListStripes(machine.store, refuse).list(JOB)


@pytest.mark.parametrize("reads_at_once", [1, 3])
@pytest.mark.parametrize("blocks_at_a_time", [1, 10**9])
def test_the_steps_find_what_one_process_finds_also_when_time_runs_out(
    blocks_at_a_time: int, reads_at_once: int
) -> None:
    machine = Machine(_objects(), is_time_up=growing(blocks_at_a_time))
    totals = machine.sum(reads_at_once)
    assert machine.starts == [start for start, _ in starts(_objects(), machine.options)]
    last = machine.starts[-1]
    sources = machine.objects.sources
    assert totals == InputTotals(
        rows_total=last.first_row + last.rows,
        objects=len(sources),
        size_bytes=sum(each.size_bytes for each in sources),
        stripes=len(list(plan_stripes(sources, 10))),
    )
    assert machine.sum() == totals  # repeated, as by a retry


def test_the_counts_of_a_run_are_one_request_and_one_object() -> None:
    data = b"a,b\n" + b"123,456\n" * 30
    machine = Machine(MemoryObjects({"in/0": data}, 16), options=SubmitOptions(stripe_bytes=25))
    requests: list[int] = []

    def open_range(source: SourceObject, start: int, stop: int | None) -> Generator[bytes]:
        requests.append(start)
        return machine.objects.open_range(source, start, stop)

    service = CountStripe(machine.store, open_range)
    for number, run in enumerate(machine.listed()):
        assert handle({"job_id": JOB, "stripe": run}, service, machine._remaining_ms) == {"done": True}
        # Behind the first run of an object, its first bytes are read, which tell if it is compressed.
        assert len(requests) == 1 + 2 * number
    counted = [key for key in machine.store.objects if "/counts/" in key]
    assert counted == [keys.stripe_count_key(JOB, 0), keys.stripe_count_key(JOB, 8)]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (b'a,b\n1,"x\n', r"s3://data/in/1 ends inside quotes, .* close the quote at byte 6$"),
        (b"a,c\n1,2\n", r"the header of s3://data/in/1 is not that of s3://data/in/0: 'a,c' instead of 'a,b'"),
        (gzip.compress(b"a,b\n1,2\n")[:-9], r"s3://data/in/1 is cut off"),
        (gzip.compress(b'a,b\n1,"x\n'), r"s3://data/in/1 ends inside quotes, .* close the quote at byte 6$"),
        (zstandard.compress(b'a,b\n1,"x\n'), r"s3://data/in/1 ends inside quotes, .* close the quote at byte 6$"),
    ],
    ids=["inside quotes", "another header", "cut off", "inside quotes, gzip", "inside quotes, zstd"],
)
def test_an_input_that_cannot_be_cut_is_refused_before_starts_are_written(second: bytes, message: str) -> None:
    machine = Machine(MemoryObjects({"in/0": b"a,b\n1,2\n", "in/1": second, "in/2": b"a,b\n3,4\n"}))
    with pytest.raises(InputError, match=message):
        machine.sum()
    assert keys.stripe_starts_key(JOB) not in machine.store.objects


def test_a_compressed_object_is_not_read_for_the_place_of_an_error_when_time_is_up() -> None:
    machine = Machine(MemoryObjects({"in/0": gzip.compress(b'a,b\n1,"x\n'), "in/1": b"a,b\n3,4\n"}))
    machine.count()
    service = SumStripes(machine.store, machine.objects.open_range, reads_at_once=1)
    with pytest.raises(InputError, match=r"close the quote at byte 4$"):
        service.sum(JOB, lambda: True)


def test_nothing_is_counted_any_more_once_the_deadline_has_passed() -> None:
    now = [4.0]
    machine = Machine(_objects(), deadline_at=5.0, now=lambda: now[0])
    machine.count()
    counted = len(machine.store.objects)
    now[0] = 5.0
    with pytest.raises(JobClosedError, match="the deadline of job"):
        machine.count()
    assert len(machine.store.objects) == counted


def test_a_compressed_object_that_no_call_can_read_to_where_the_last_one_ended_is_refused() -> None:
    asked = iter([*[False] * 9, *[True] * 100])
    data = b"a,b\n" + b"".join(b"%d,%d\n" % (each, each * each) for each in range(900))
    machine = Machine(MemoryObjects({"in/0": gzip.compress(data)}, 64), is_time_up=lambda: next(asked))
    with pytest.raises(InputError, match=r"s3://data/in/0 is compressed, .* too large for that: .* split it"):
        machine.sum()


@dataclass
class Endless:
    """Objects of any size that take no memory: the same block again and again."""

    block: bytes

    def open_range(self, source: SourceObject, start: int, stop: int | None) -> Generator[bytes]:
        size = (source.size_bytes if stop is None else stop) - start
        for _ in range(size // len(self.block)):
            yield self.block


def _peak_bytes(counting: StripeCounting, source: SourceObject) -> int:
    (stripe,) = plan_stripes([source], source.size_bytes)
    tracemalloc.start()
    try:
        assert not isinstance(counting.run(stripe), Unfinished)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, zstandard.ZstdCompressor(level=19).compress], ids=["plain", "gzip", "zstd"]
)
def test_the_memory_of_a_count_does_not_depend_on_the_object(compress: Callable[[bytes], bytes]) -> None:
    mebibyte = 1024 * 1024
    block = b'1234.5,"6"\n' * (mebibyte // 11)
    stored = block if compress is bytes else compress(block * 96)
    size = 96 * len(stored) if compress is bytes else len(stored)
    counting = StripeCounting(
        policy=HeaderPolicy.NONE, header=None, columns=("a", "b"), open_range=Endless(stored).open_range
    )
    source = SourceObject(bucket=BUCKET, key="a", size_bytes=size)
    assert _peak_bytes(counting, source) < 40 * mebibyte
