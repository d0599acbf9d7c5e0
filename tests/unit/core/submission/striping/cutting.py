"""Objects cut by stripes and, for comparison, by one reader; all in memory."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field

import zstandard

from tailrace.sources.origins import RemoteObject
from tailrace.sources.source import Source
from tailrace_core.compression.decompression import decompress, peek
from tailrace_core.csv_text.headers import HeaderPolicy, column_names
from tailrace_core.csv_text.heads import SNIFF_BYTES, FileHead, read_head
from tailrace_core.errors import InputError
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.submission.planning import ChunkPlan, Planner, Seal, planner_for
from tailrace_core.submission.striping.counting import StripeCounting, Unfinished
from tailrace_core.submission.striping.counts import StripeCount
from tailrace_core.submission.striping.manifest import SourceObject, Stripe, plan_stripes
from tailrace_core.submission.striping.reading import StripeReader, StripeStart
from tailrace_core.submission.striping.summing import Summing

BUCKET = "data"
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": zstandard.ZstdCompressor().compress,
}


@dataclass
class MemoryObjects:
    """Objects in memory by key; reads come in blocks of up to ``block_bytes``."""

    objects: dict[str, bytes]
    block_bytes: int = 1024 * 1024
    read_bytes: int = 0
    open_reads: int = 0

    @property
    def sources(self) -> list[SourceObject]:
        """The objects in order."""
        return [
            SourceObject(bucket=BUCKET, key=key, size_bytes=len(data), etag=f'"{key}"')
            for key, data in self.objects.items()
        ]

    def open_range(self, source: SourceObject, start: int, stop: int | None) -> Generator[bytes]:
        """Read a range, as `tailrace_core.submission.striping.reading.OpenRange` says."""
        data = self.objects[source.key][start:stop]
        assert data
        self.open_reads += 1
        try:
            for at in range(0, len(data), self.block_bytes):
                block = data[at : at + self.block_bytes]
                self.read_bytes += len(block)
                yield block
        finally:
            self.open_reads -= 1

    def open(self, bucket: str, key: str) -> RemoteObject:
        """Open an object as a client does that reads all of it."""
        assert bucket == BUCKET
        return RemoteObject(io.BytesIO(self.objects[key]), len(self.objects[key]))

    def head(self, key: str) -> FileHead:
        """Read an object's head."""
        name = f"s3://{BUCKET}/{key}"
        return read_head(*peek(decompress(iter([self.objects[key]]), name), SNIFF_BYTES), name)


@dataclass
class Cut:
    """What became of an input: its chunks, or the error that it raised."""

    chunks: list[ChunkPlan] = field(default_factory=list)
    rows_total: int | None = None
    error: str | None = None

    def take(self, plans: Iterable[ChunkPlan | Seal]) -> None:
        """Take chunks and the seal."""
        for each in plans:
            if isinstance(each, Seal):
                self.rows_total = each.rows_total
            else:
                self.chunks.append(each)


def read_by_one(objects: MemoryObjects, options: SubmitOptions) -> Cut:
    """Cut objects as a client does that reads them itself."""
    cut = Cut()
    try:
        names = [each.name for each in objects.sources]
        with Source.open(names, header=options.header, s3=objects.open) as source:
            planner = _planner(source.columns, source.header, options)
            boundaries = source.boundaries(options.stripe_bytes)
            cut.take(planner.plan(source.blocks(), source.describe_position, boundaries=boundaries))
    except InputError as error:
        return Cut(error=error.message)
    return cut


def cut_by_stripes(objects: MemoryObjects, options: SubmitOptions, *, blocks_at_a_time: int = 10**9) -> Cut:
    """Cut objects where they lie, each step with what the step before it has stored.

    The first function runs out of time after ``blocks_at_a_time``, the next ones after more.
    """
    cut = Cut()
    try:
        for start, planner in starts(objects, options, blocks_at_a_time):
            reader = StripeReader(start, objects.open_range)
            cut.take(planner.plan(reader.blocks(), reader.describe_position, first_row=start.first_row))
            assert cut.rows_total == start.first_row + start.rows
    except InputError as error:
        return Cut(error=error.message)
    return cut


def starts(
    objects: MemoryObjects, options: SubmitOptions, blocks_at_a_time: int = 10**9
) -> list[tuple[StripeStart, Planner]]:
    """Plan, count and sum; all starts are known before the first is cut."""
    head = objects.head(next(iter(objects.objects)))
    header = None if options.header is HeaderPolicy.NONE else head.first_record
    columns = column_names(head.first_record, options.header)
    planner = _planner(columns, header, options)
    counting = StripeCounting(
        policy=options.header,
        header=header,
        columns=columns,
        open_range=objects.open_range,
        is_time_up=growing(blocks_at_a_time),
    )
    summing = Summing(header=header, open_range=objects.open_range)
    found = []
    for planned in plan_stripes(objects.sources, options.stripe_bytes):
        stripe = Stripe.from_dict(json.loads(planned.to_json()))
        assert stripe == planned
        found += list(summing.add(stripe, count(counting, stripe)))
    found.append(summing.finish())
    assert objects.open_reads == 0
    return [(StripeStart.from_dict(json.loads(each.to_json())), planner) for each in found]


def count(counting: StripeCounting, stripe: Stripe) -> StripeCount:
    """Count a stripe, in as many runs as it takes."""
    done = counting.run(stripe)
    while isinstance(done, Unfinished):
        done = counting.run(stripe, json.loads(json.dumps(done.checkpoint)))
    stored = StripeCount.from_json(done.to_json())
    assert stored == done
    return stored


def growing(times: int) -> Callable[[], bool]:
    """Return a clock that says yes after so many questions, then after more each time.

    A compressed object is read again from its start each time.
    """
    asked, most = 0, times

    def is_time_up() -> bool:
        nonlocal asked, most
        asked += 1
        if asked < most:
            return False
        asked, most = 0, most + 150
        return True

    return is_time_up


def _planner(columns: Sequence[str], header: bytes | None, options: SubmitOptions) -> Planner:
    return planner_for(tuple(columns), header, options, endpoint_name="e", by_stripes=True)
