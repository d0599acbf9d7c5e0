"""A reader in a process of its own: it works on an event until a line comes on standard input.

    python reading_process.py sync|async STACK QUEUE HIDDEN_S

It writes ``start ID``, ``done ID`` and ``lost ID``, and ``ended`` before it exits.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from tailrace import AsyncTailrace, Tailrace

kind, stack, queue, hidden_s = sys.argv[1:]
OPTIONS: dict[str, Any] = {"queue": queue, "hidden_s": int(hidden_s)}


def say(what: str, event: Any = None) -> None:
    print(what, event.event_id if event else "", flush=True)


def run_sync() -> None:
    with Tailrace(stack) as client, client.results(**OPTIONS, on_lost=lambda event: say("lost", event)) as reader:
        signal.signal(signal.SIGTERM, lambda *_: reader.stop())
        say("ready")
        for event in reader:
            say("start", event)
            sys.stdin.readline()
            say("done", event)


async def run_async() -> None:
    loop = asyncio.get_running_loop()
    async with (
        AsyncTailrace(stack) as client,
        client.results(**OPTIONS, on_lost=lambda event: say("lost", event)) as reader,
    ):
        loop.add_signal_handler(signal.SIGTERM, reader.stop)
        say("ready")
        async for event in reader:
            say("start", event)
            await loop.run_in_executor(None, sys.stdin.readline)
            say("done", event)


run_sync() if kind == "sync" else asyncio.run(run_async())
say("ended")
