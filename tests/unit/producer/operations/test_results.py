from __future__ import annotations

from typing import Any

import pytest

from tailrace.aws.queues import Queue
from tailrace.operations.results import Heartbeat, ResultsReader
from tailrace_core.aws.calls import Call
from tailrace_core.errors import MessageError, TransientError
from tailrace_core.messages.events import PartReady
from tests.faults.memory_aws.cloud import Clock
from tests.faults.memory_aws.sqs import Queue as MemoryQueue
from tests.faults.memory_aws.sqs import Sqs


def event(number: int) -> PartReady:
    return PartReady(
        event_id=f"PartReady:j:{number}", job_id="j", endpoint="e", first_row=number, rows=1, rejected=0,
        location="s3://b/k", size_bytes=2, checksum="crc32:00000000", columns=("p",), body="1\n",
    )  # fmt: skip


class Still(Heartbeat):
    """Beats only when the test says so."""

    def start(self) -> None:
        pass


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.sqs = Sqs(self.clock, {"results": MemoryQueue("results")})
        self.fails = False

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.sqs.send_message(QueueUrl="results", MessageBody=event(number).to_json())

    def reader(self, **options: Any) -> ResultsReader:
        return ResultsReader(Queue("results", self._execute), follow=False, hidden_s=60, heartbeat=Still, **options)

    def _execute(self, call: Call) -> Any:
        if self.fails:
            raise TransientError("no answer")
        return getattr(self.sqs, call.operation)(**call.params)

    @property
    def left(self) -> list[float]:
        return [each.visible_at for each in self.sqs.queues["results"].messages.values()]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_every_event_comes_once_and_is_acknowledged(bench: Bench) -> None:
    bench.send(1, 2, 2, 1, 3)
    with bench.reader() as reader:
        assert [each.event_id for each in reader] == [event(number).event_id for number in (1, 2, 3)]
    assert bench.left == []


def test_an_event_is_acknowledged_only_when_the_work_is_done(bench: Bench) -> None:
    bench.send(1, 2)
    with bench.reader() as reader:
        events = iter(reader)
        next(events)
        assert len(bench.left) == 2
        next(events)
        assert len(bench.left) == 1


def test_what_the_caller_did_not_get_done_is_given_back_at_once(bench: Bench) -> None:
    bench.send(1, 2, 3)
    done: list[str] = []

    def work() -> None:
        with bench.reader() as reader:
            for each in reader:
                if each.event_id == event(2).event_id:
                    raise RuntimeError("the caller fails")
                done.append(each.event_id)

    with pytest.raises(RuntimeError):
        work()
    assert len(bench.left) == 2
    assert all(at <= bench.clock() for at in bench.left)
    with bench.reader() as reader:
        done += [each.event_id for each in reader]
    assert done == [event(number).event_id for number in (1, 2, 3)]


def test_who_leaves_after_acknowledging_does_not_see_it_again(bench: Bench) -> None:
    bench.send(1, 2)
    with bench.reader() as reader:
        for _ in reader:
            reader.acknowledge()
            break
    with bench.reader() as reader:
        assert [each.event_id for each in reader] == [event(2).event_id]


def test_what_is_held_stays_hidden_for_as_long_as_the_caller_works(bench: Bench) -> None:
    bench.send(1, 2)
    with bench.reader() as reader:
        next(iter(reader))
        for _ in range(10):
            bench.clock.advance(40)
            reader.keep()
            assert all(at > bench.clock() for at in bench.left)


def test_a_beat_that_fails_is_left_to_the_next(bench: Bench) -> None:
    bench.send(1)
    with bench.reader() as reader:
        next(iter(reader))
        bench.fails = True
        reader.keep()
        bench.fails = False
        reader.keep()
        assert all(at == bench.clock() + 60 for at in bench.left)


def test_a_message_that_is_no_event_is_reported_and_left_to_the_dead_letters(bench: Bench) -> None:
    bench.sqs.send_message(QueueUrl="results", MessageBody="{}")
    bench.send(1)
    said: list[MessageError] = []
    with bench.reader(on_unreadable=said.append) as reader:
        assert [each.event_id for each in reader] == [event(1).event_id]
    assert len(said) == 1
    assert len(bench.left) == 1


def test_memory_is_bounded_and_only_what_is_forgotten_comes_again(bench: Bench) -> None:
    bench.send(1, 2, 3, 3, 1)
    with bench.reader(remembered=2) as reader:
        assert [each.event_id for each in reader] == [event(number).event_id for number in (1, 2, 3, 1)]


def test_the_keeper_beats_until_it_is_stopped() -> None:
    beats: list[int] = []
    made: list[Heartbeat] = []

    def beat() -> None:
        beats.append(1)
        if len(beats) == 3:
            made[0].stopped.set()

    made.append(Heartbeat(beat, 0.001))
    made[0].start()
    made[0].join(10)
    assert len(beats) == 3
