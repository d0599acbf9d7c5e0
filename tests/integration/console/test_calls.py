"""The calls to AWS: as many for 3,000 chunks as for ten, and for five tabs as for one; none receives."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter

import pytest
from playwright.sync_api import Browser

from tailrace.console.sampler import EVERY_S
from tests.faults.memory_aws.cloud import Clock
from tests.integration.console.stack import BIG, Stack, big_job, console
from tests.integration.local.polling import eventually

TURNS = round(60 / EVERY_S)


class Turns:
    """The sampler's sleep: the clock goes on by turns that the test grants."""

    def __init__(self, stack: Stack) -> None:
        self._clock = stack.cloud.clock
        self._granted = threading.Semaphore(0)
        self._left = 0
        self.asleep = False

    async def sleep(self, seconds: float) -> None:
        self.asleep = True
        await asyncio.to_thread(self._granted.acquire)
        self.asleep = False
        self._left -= 1
        self._clock.advance(seconds)

    def end(self) -> None:
        """Let the last sleep end, in which nobody listens."""
        self._left = 1
        self._granted.release()

    def grant(self, turns: int) -> None:
        self._left = turns
        self._granted.release(turns)
        eventually(lambda: not self._left and self.asleep, what=f"{turns} turns of the sampler")


def minute(chromium: Browser, chunks: int, tabs: int) -> Counter[str]:
    """Return the calls of a minute in which ``tabs`` tabs show a job of ``chunks`` chunks."""
    # It stands still between turns: tabs that open slowly, or read late, would sample once more.
    stack = Stack(Clock(time.time()))
    big_job(stack, BIG, chunks)
    turns = Turns(stack)
    with console(stack.cloud, sleep=turns.sleep) as server:
        context = chromium.new_context()
        pages = [context.new_page() for _ in range(tabs)]
        pages[0].goto(server.session.url)
        for page in pages:
            page.goto(f"{server.session.origin}/jobs/{BIG}")
        eventually(lambda: server.listeners == tabs and turns.asleep, what=f"{tabs} tabs that listen")
        before = Counter(stack.cloud.calls)
        turns.grant(TURNS)
        found = stack.cloud.calls - before
        context.close()
        eventually(lambda: server.listeners == 0, what="no tab that listens")
        turns.end()
    assert not [name for name in stack.cloud.calls if "receive" in name or "visibility" in name]
    return found


@pytest.fixture(scope="module")
def alone(chromium: Browser) -> Counter[str]:
    return minute(chromium, chunks=10, tabs=1)


def test_an_open_job_is_read_once_every_two_seconds(alone: Counter[str]) -> None:
    assert alone["dynamodb.get_item"] == TURNS
    assert alone.total() < 4 * TURNS


@pytest.mark.parametrize(("chunks", "tabs"), [(3_000, 1), (10, 5)])
def test_neither_chunks_nor_tabs_cost_calls(chromium: Browser, alone: Counter[str], chunks: int, tabs: int) -> None:
    assert minute(chromium, chunks, tabs) == alone
