"""Transactions of one process take turns.

All chunks of a job are settled in the job's counters, too: DynamoDB refuses one of two transactions that meet there, at
the price of both and of a wait before the next try. Threads need not find that out from the service.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from tailrace_core.aws.calls import Call


def serialize_transactions(execute: Callable[[Call], Any]) -> Callable[[Call], Any]:
    """``execute`` for threads: of its transactions one at a time is under way, of all other calls any number.

    Whoever waits for its turn waits for a few calls, each of which has its time limit, and never while another one is
    put off to be tried again: give this to what retries, not the other way round.
    """
    turn = Lock()

    def in_turn(call: Call) -> Any:
        if call.operation != "transact_write_items":
            return execute(call)
        with turn:
            return execute(call)

    return in_turn
