"""Readers in processes of their own, which are terminated and suspended."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually
from tests.unit.producer.operations.results.bench import event

pytestmark = pytest.mark.cloud

READING = Path(__file__).with_name("reading_process.py")
TAILRACE = Path(sys.executable).with_name("tailrace")
HIDDEN, VISIBLE = "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessages"


class Events:
    """A queue with dead letters, and processes that read it."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.cloud = cloud
        self.sqs = cloud.client("sqs")
        self.url: str = self.sqs.create_queue(QueueName=f"reading-{uuid.uuid4().hex[:8]}")["QueueUrl"]
        self.processes: list[subprocess.Popen[str]] = []

    def send(self, count: int) -> None:
        for number in range(count):
            self.sqs.send_message(QueueUrl=self.url, MessageBody=event(number).to_json())

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=self.cloud.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def read(self, kind: str, hidden_s: int) -> subprocess.Popen[str]:
        process = self.start(READING, kind, self.cloud.facts.stack, self.url, str(hidden_s))
        assert line(process) == "ready"
        return process

    def count(self, name: str) -> int:
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return int(found["Attributes"][name])

    def take(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def events(cloud: RunningCloud) -> Iterator[Events]:
    found = Events(cloud)
    yield found
    for process in found.processes:
        process.kill()
        process.communicate()
    found.sqs.delete_queue(QueueUrl=found.url)


def within(seconds: float) -> float:
    """Return the bound; more where other work keeps the processors busy, over the last minute or just now."""
    used_s, began = processor_time_of_children(), time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", ""], check=True)
    waits = (time.monotonic() - began) / (processor_time_of_children() - used_s)
    return seconds * max(1.0, waits, os.getloadavg()[0] / (os.cpu_count() or 1))


def processor_time_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def work(process: subprocess.Popen[str], events: int) -> str:
    """Let a process finish so many events and begin the next one, whose id is returned."""
    for _ in range(events):
        assert line(process).startswith("start ")
        go_on(process)
        assert line(process).startswith("done ")
    said = line(process)
    assert said.startswith("start ")
    return said.removeprefix("start ")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_idle_reader_ends_within_two_seconds(events: Events, kind: str) -> None:
    process = events.read(kind, hidden_s=60)
    time.sleep(0.3)  # within a receive
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert time.monotonic() - began <= within(2)
    assert line(process) == "ended"
    events.send(1)
    assert (events.count(VISIBLE), events.count(HIDDEN)) == (1, 0)


def test_the_idle_command_ends_within_two_seconds_and_hides_nothing(events: Events) -> None:
    stack = events.cloud.facts.stack
    process = events.start(TAILRACE, "results", "--follow", "--queue", events.url, "--stack", stack)
    events.send(1)
    assert "rows 0 to 0" in line(process)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert time.monotonic() - began <= within(2)
    events.send(1)
    assert (events.count(VISIBLE), events.count(HIDDEN)) == (1, 0)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_busy_reader_finishes_its_event_and_shows_the_rest_within_a_second(events: Events, kind: str) -> None:
    events.send(10)
    process = events.read(kind, hidden_s=60)
    current = work(process, 3)
    assert events.count(HIDDEN) == 4
    process.send_signal(signal.SIGTERM)
    eventually(lambda: events.count(HIDDEN) == 1, within_s=within(1), what="the rest is visible")
    assert events.count(VISIBLE) == 6
    go_on(process)
    assert line(process) == f"done {current}"
    assert line(process) == "ended"
    assert process.wait(60) == 0
    assert (events.count(VISIBLE), events.count(HIDDEN)) == (6, 0)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_reader_suspended_past_its_leases_hands_out_nothing_stale(events: Events, kind: str) -> None:
    events.send(7)
    # Leases are extended every third of this, which a busy machine must manage.
    process = events.read(kind, hidden_s=4)
    current = work(process, 3)
    process.send_signal(signal.SIGSTOP)
    eventually(lambda: events.count(VISIBLE) == 4, what="all leases end")
    assert len(events.take()) == 4
    process.send_signal(signal.SIGCONT)
    go_on(process)
    assert line(process) == f"done {current}"
    lost = [line(process) for _ in range(4)]
    assert lost[0] == f"lost {current}"
    assert len({*lost}) == 4
    assert all(each.startswith("lost ") for each in lost)
    process.send_signal(signal.SIGTERM)
    assert line(process) == "ended"
    assert process.wait(60) == 0
