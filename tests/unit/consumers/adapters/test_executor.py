"""Clients are created once each and one after the other; an existing client waits for no other."""

from __future__ import annotations

from threading import Barrier, Event, Lock, Thread
from typing import Any

import pytest

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_core.aws.calls import Call
from tests.unit.consumers.threads import LIMIT_S, bounded, busy, in_threads, switching_often


class Client:
    """A client that responds with its service's name."""

    def __init__(self, service: str) -> None:
        self.service = service

    def get(self) -> dict[str, Any]:
        return {"service": self.service}


def call(service: str) -> Call:
    return Call(service, "get", {})


def test_a_client_is_made_when_it_is_needed_and_once() -> None:
    made: list[str] = []

    def make(service: str) -> Client:
        made.append(service)
        return Client(service)

    execute = BotocoreExecutor(make)
    assert made == []
    assert [execute(call(service))["service"] for service in ("s3", "sns", "s3")] == ["s3", "sns", "s3"]
    assert made == ["s3", "sns"]


def test_threads_that_need_clients_at_once_get_one_of_each_made_one_after_the_other() -> None:
    together = Barrier(8)
    making = Lock()
    made: list[str] = []

    def make(service: str) -> Client:
        assert making.acquire(blocking=False), "two clients are made at once"
        try:
            made.append(service)
            busy()
            return Client(service)
        finally:
            making.release()

    execute = BotocoreExecutor(make)
    answers: list[str] = []

    def ask(number: int) -> None:
        together.wait(LIMIT_S)
        answers.append(execute(call(f"s{number % 4}"))["service"])

    with switching_often():
        in_threads(ask, 8)
    assert sorted(made) == ["s0", "s1", "s2", "s3"]
    assert sorted(answers) == sorted(2 * made)


def test_a_client_that_is_there_does_not_wait_for_one_that_is_made() -> None:
    making, go_on = Event(), Event()

    def make(service: str) -> Client:
        if service == "slow":
            making.set()
            assert go_on.wait(LIMIT_S)
        return Client(service)

    execute = BotocoreExecutor(make)
    execute(call("there"))
    slow = Thread(target=execute, args=(call("slow"),), daemon=True)
    slow.start()
    assert making.wait(LIMIT_S)
    bounded(lambda: execute(call("there")))
    go_on.set()
    slow.join(LIMIT_S)
    assert not slow.is_alive()


def test_a_client_that_could_not_be_made_is_made_when_it_is_needed_again() -> None:
    tries: list[str] = []

    def make(service: str) -> Client:
        tries.append(service)
        if len(tries) == 1:
            raise RuntimeError
        return Client(service)

    execute = BotocoreExecutor(make)
    with pytest.raises(RuntimeError):
        execute(call("s3"))
    bounded(lambda: execute(call("s3")))
    assert tries == ["s3", "s3"]
