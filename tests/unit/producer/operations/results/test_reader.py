"""The readers, sync and async, over a queue in memory."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

import pytest

from tailrace.operations.results.async_reader import AsyncResultsReader
from tailrace.operations.results.reading import ReaderCounts
from tailrace.operations.results.unknown import UnknownEvent
from tailrace_core.errors import ContractError, InputError, MessageError
from tailrace_core.messages.events import JobFinished
from tailrace_core.objects.checksums import checksum
from tests.unit.producer.operations.results.bench import Bench, event

T = TypeVar("T")
FINISHED = JobFinished(
    event_id="JobFinished:j", job_id="j", endpoint="e", state="completed", rows_total=1, rows_scored=1,
    rows_rejected=0, rows_cancelled=0, manifest_location="s3://bucket/m", finished_at=1.0,
)  # fmt: skip


class Blocking:
    """The async reader with the sync one's methods, on a loop of its own."""

    def __init__(self, reader: AsyncResultsReader) -> None:
        self.reader = reader
        self._runner: asyncio.Runner | None = None

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._run(self.reader.__aenter__())
        return self

    def __exit__(self, *error: object) -> None:
        assert self._runner is not None
        self._run(self.reader.__aexit__(*error))  # type: ignore[arg-type]  # star-args cannot be typed better
        self._runner.close()
        self._runner = None

    def __iter__(self) -> Blocking:
        aiter(self.reader)
        return self

    def __next__(self) -> Any:
        try:
            return self._run(self.reader.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def ack(self, each: Any) -> None:
        self._run(self.reader.ack(each))

    def nack(self, each: Any, delay_s: float | None = None) -> None:
        self._run(self.reader.nack(each, delay_s))

    def part(self, each: Any) -> bytes:
        return self._run(self.reader.part(each))

    def open_part(self, each: Any) -> io.BytesIO:
        async def read() -> bytes:
            return b"".join([piece async for piece in self.reader.open_part(each)])

        return io.BytesIO(self._run(read()))

    def stop(self) -> None:
        self.reader.stop()

    def extend(self) -> None:
        self._run(self.reader.extend())

    @property
    def counts(self) -> ReaderCounts:
        return self.reader.counts

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work) if self._runner else asyncio.run(work)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(params=["sync", "async"])
def reader(request: pytest.FixtureRequest, bench: Bench) -> Callable[..., Any]:
    if request.param == "sync":
        return bench.reader
    return lambda **options: Blocking(bench.async_reader(**options))


def all_ids(reading: Any) -> list[str]:
    with reading:
        return [each.event_id for each in reading]


def test_every_event_comes_once_and_is_acknowledged(bench: Bench, reader: Any) -> None:
    bench.send(1, 2, 2, 1, 3)
    assert all_ids(reader()) == bench.ids(1, 2, 3)
    assert bench.left == []


def test_an_event_is_acknowledged_when_the_next_one_is_asked_for(bench: Bench, reader: Any) -> None:
    bench.send(1, 2)
    with reader() as reading:
        next(reading)
        assert len(bench.left) == 2
        next(reading)
        assert len(bench.left) == 1


def test_outside_of_with_it_is_an_error(bench: Bench, reader: Any) -> None:
    bench.send(1)
    reading = reader()
    with pytest.raises(InputError, match="with"):
        next(reading)
    with reading:
        pass
    with pytest.raises(InputError, match="with"):
        next(reading)
    assert bench.hidden == 0


def test_one_event_ten_times_prints_all_ten(bench: Bench, reader: Any) -> None:
    bench.send(*range(10))
    found = [each for _ in range(10) for each in all_ids(reader(max_events=1))]
    assert sorted(found) == sorted(bench.ids(*range(10)))
    assert (bench.left, bench.dead.messages) == ([], {})


def test_a_bound_is_never_received_beyond(bench: Bench, reader: Any) -> None:
    bench.send(*range(20))
    assert len(all_ids(reader(max_events=4))) == 4
    assert bench.asked == [1, 2, 1]
    assert bench.hidden == 0
    assert all(each.receives == 0 for each in bench.queue.messages.values())


def test_batches_start_at_one_and_double_and_a_failure_starts_anew(bench: Bench, reader: Any) -> None:
    bench.send(*range(30))
    with reader(prefetch=8) as reading:
        for _ in range(16):
            next(reading)
        assert bench.asked == [1, 2, 4, 8, 8]
        reading.nack(next(reading))
        for _ in range(7):
            next(reading)
    assert bench.asked == [1, 2, 4, 8, 8, 1]


def test_a_poisonous_event_goes_alone_and_takes_no_other_along(bench: Bench, reader: Any) -> None:
    bench.send(*range(10))
    done: list[str] = []

    def life() -> None:
        with reader() as reading:
            for each in reading:
                if each.event_id == event(0).event_id:
                    raise RuntimeError("the poison")
                done.append(each.event_id)

    for _ in range(5):
        with pytest.raises(RuntimeError):
            life()
        assert bench.hidden == 1
        bench.clock.advance(900)
    life()
    assert sorted(done) == sorted(bench.ids(*range(1, 10)))
    assert len(bench.dead.messages) == 1
    assert bench.left == []


def test_an_exception_delays_the_event_alone_and_releases_the_rest(bench: Bench, reader: Any) -> None:
    bench.send(1, 2, 3)

    def work() -> None:
        with reader() as reading:
            next(reading)
            next(reading)
            raise RuntimeError("the caller fails")

    with pytest.raises(RuntimeError):
        work()
    assert sorted(at - bench.clock() for at in bench.left) == [0, 5]


def test_an_event_that_the_loop_was_left_at_is_released_at_once(bench: Bench, reader: Any) -> None:
    bench.send(1, 2)
    with reader() as reading:
        for _ in reading:
            break
    assert (len(bench.left), bench.hidden) == (2, 0)


def test_a_second_loop_goes_on_where_the_first_was_left(bench: Bench, reader: Any) -> None:
    bench.send(*range(10))
    found: list[str] = []
    with reader() as reading:
        for _ in range(3):
            for each in reading:
                found.append(each.event_id)
                if len(found) % 4 == 0:
                    break
    assert sorted(found) == sorted(bench.ids(*range(10)))
    assert bench.left == []


def test_what_is_acknowledged_does_not_come_again(bench: Bench, reader: Any) -> None:
    bench.send(1)
    with reader() as reading:
        for each in reading:
            reading.ack(each)
            reading.ack(each)
            break
    assert bench.left == []


def test_what_is_handed_back_comes_after_its_delay(bench: Bench, reader: Any) -> None:
    bench.send(1, 2)
    with reader() as reading:
        found = []
        for each in reading:
            found.append(each.event_id)
            if each.event_id == event(1).event_id:
                reading.nack(each, delay_s=30)
        assert bench.left == [bench.clock() + 30]
    assert found == bench.ids(1, 2)
    bench.clock.advance(31)
    assert all_ids(reader()) == bench.ids(1)


def test_stop_ends_after_the_current_event_and_releases_what_waits(bench: Bench, reader: Any) -> None:
    bench.send(*range(10))
    found = []
    with reader(follow=True) as reading:
        for each in reading:
            found.append(each.event_id)
            if len(found) == 2:
                reading.stop()
        assert bench.hidden == 0
    assert len(found) == 2
    assert len(bench.left) == 8


def test_what_comes_while_the_reader_is_stopped_is_released(bench: Bench, reader: Any) -> None:
    bench.send(1)
    with reader(follow=True) as reading:
        bench.while_receiving = reading.stop
        assert list(reading) == []
    assert bench.left == [bench.clock()]


def test_held_events_stay_hidden_until_they_are_held_too_long(bench: Bench, reader: Any) -> None:
    bench.send(1, 2)
    lost: list[str] = []
    with reader(hidden_s=60, max_hold_s=200, on_lost=lambda each: lost.append(each.event_id)) as reading:
        next(reading)
        for _ in range(5):
            bench.clock.advance(40)
            reading.extend()
        assert bench.hidden == 1
        for _ in range(2):
            bench.clock.advance(40)
            reading.extend()
        assert bench.hidden == 0
        next(reading)
    assert lost == bench.ids(1)


def test_a_reader_that_was_suspended_hands_out_nothing_stale(bench: Bench, reader: Any) -> None:
    bench.send(*range(3))
    lost: list[str] = []
    found: list[str] = []
    with reader(hidden_s=60, on_lost=lambda each: lost.append(each.event_id)) as reading:
        for each in reading:
            found.append(each.event_id)
            if len(found) == 2:
                bench.clock.advance(61)
                reading.extend()
                assert bench.hidden == 0
    # The current one had been handed out, the next one was waiting: that one came anew.
    assert lost == bench.ids(1, 2)
    assert found == bench.ids(0, 1, 2)
    assert reading.counts.lost == 2
    assert bench.left == []


def test_a_lease_counts_from_before_the_request(bench: Bench, reader: Any) -> None:
    bench.send(1)
    lost: list[str] = []
    waits = iter([61, 0, 0])
    bench.while_receiving = lambda: bench.clock.advance(next(waits))
    with reader(hidden_s=60, follow=True, on_lost=lambda each: lost.append(each.event_id)) as reading:
        assert next(reading).event_id == event(1).event_id
    assert lost == bench.ids(1)


def test_an_extension_that_fails_is_left_to_the_next(bench: Bench, reader: Any) -> None:
    bench.send(1)
    with reader(hidden_s=60) as reading:
        next(reading)
        bench.fails = True
        reading.extend()
        bench.fails = False
        bench.clock.advance(20)
        reading.extend()
        assert bench.left == [bench.clock() + 60]


def test_two_readers_of_one_event_at_a_time_share_the_queue(bench: Bench, reader: Any) -> None:
    bench.send(*range(10))
    counts = [0, 0]
    with reader(prefetch=1) as one, reader(prefetch=1) as other:
        for _ in range(5):
            for index, each in enumerate((one, other)):
                next(each)
                counts[index] += 1
        assert list(one) == list(other) == []
    assert counts == [5, 5]
    assert bench.left == []


@pytest.mark.parametrize(
    "message", [{"type": "JobNamed", "schema_version": 1}, {**event(7).model_dump(), "schema_version": 2}]
)
def test_what_is_unknown_is_acknowledged_and_counted(bench: Bench, reader: Any, message: Any) -> None:
    bench.send_json(message)
    bench.send(1)
    with reader() as reading:
        assert [each.event_id for each in reading] == bench.ids(1)
    assert reading.counts.unknown == 1
    assert bench.left == []


def test_a_function_gets_what_is_unknown(bench: Bench, reader: Any) -> None:
    bench.send_json({"type": "JobNamed", "schema_version": 3, "name": "x"})
    seen: list[UnknownEvent] = []
    assert all_ids(reader(on_unknown=seen.append)) == []
    assert [(each.type, each.schema_version, each.data["name"]) for each in seen] == [("JobNamed", 3, "x")]
    assert bench.left == []


def test_failing_at_what_is_unknown_leaves_it_in_the_queue(bench: Bench, reader: Any) -> None:
    bench.send_json({"type": "JobNamed", "schema_version": 1})

    def refuse(_: UnknownEvent) -> None:
        raise ValueError("not that")

    with pytest.raises(MessageError, match="JobNamed of schema version 1 is not known"):
        all_ids(reader(on_unknown="fail"))
    bench.clock.advance(900)
    with pytest.raises(ValueError, match="not that"):
        all_ids(reader(on_unknown=refuse))
    assert len(bench.left) == 1


@pytest.mark.parametrize("message", [{}, {"type": "PartReady"}, [1], {"type": 1}, {"type": "X", "schema_version": "1"}])
def test_what_is_no_event_is_reported_and_left_to_the_dead_letters(bench: Bench, reader: Any, message: Any) -> None:
    bench.send_json(message)
    bench.send(1)
    said: list[MessageError] = []
    with reader(on_unreadable=said.append) as reading:
        assert [each.event_id for each in reading] == bench.ids(1)
    assert len(said) == reading.counts.unreadable == 1
    assert bench.left == [bench.clock() + 5]


def test_memory_is_bounded_and_only_what_is_forgotten_comes_again(bench: Bench, reader: Any) -> None:
    bench.send(1, 2, 3, 3, 1)
    assert all_ids(reader(remembered=2)) == bench.ids(1, 2, 3, 1)


@pytest.mark.parametrize(
    "options", [{"prefetch": 0}, {"prefetch": 11}, {"hidden_s": 1}, {"max_hold_s": 43_200}, {"on_unknown": "drop"},
                {"max_events": 0}],
)  # fmt: skip
def test_options_out_of_range_are_refused(bench: Bench, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        bench.reading(**options)


STORED = b"1\n2\n"
LARGE = event(1, body=None, rows=2, size_bytes=4, checksum=checksum(STORED))
KEY = "v1/jobs/j/parts/000000000001-1.csv"


def test_a_part_is_read_from_its_event_or_from_the_bucket(bench: Bench, reader: Any) -> None:
    bench.objects[KEY] = STORED
    with reader() as reading:
        assert reading.part(event(1)) == b"1\n"
        assert reading.part(LARGE) == STORED
        assert reading.open_part(event(1)).read() == b"1\n"
        assert reading.open_part(LARGE).read() == STORED
        with pytest.raises(InputError, match="has no part"):
            reading.part(FINISHED)


@pytest.mark.parametrize("stored", [b"1\n3\n", b"1\n2", b"", b"1\n2\n3\n"])
def test_a_damaged_part_breaks_the_contract(bench: Bench, reader: Any, stored: bytes) -> None:
    bench.objects[KEY] = stored
    with reader() as reading:
        with pytest.raises(ContractError, match="damaged"):
            reading.part(LARGE)
        with pytest.raises(ContractError, match="damaged"):
            reading.open_part(LARGE).read()
        with pytest.raises(ContractError, match="damaged"):
            reading.part(event(1, body="2\n"))


@pytest.mark.parametrize("location", ["s3://other/v1/jobs/j/parts/a.csv", "s3://bucket/v1/jobs/k/parts/a.csv"])
def test_only_parts_of_the_job_are_read(reader: Any, location: str) -> None:
    with reader() as reading, pytest.raises(ContractError):
        reading.part(event(1, body=None, location=location))


def test_waiting_for_an_event_may_be_cancelled_and_the_reader_goes_on(bench: Bench) -> None:
    bench.send(1)

    async def read() -> list[str]:
        async with bench.async_reader() as reader:
            waiting = asyncio.ensure_future(anext(reader))
            bench.while_receiving = waiting.cancel
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert bench.hidden == 0
            bench.while_receiving = lambda: None
            return [each.event_id async for each in reader]

    assert asyncio.run(read()) == bench.ids(1)
    assert bench.left == []
