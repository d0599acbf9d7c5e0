"""Serialized ledger transactions of one process.

All chunks of a job update the job's counters when they settle. DynamoDB refuses one of two
transactions that meet there, bills both, and the refused one waits before its retry. Serializing
them locally avoids these conflicts between threads.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from tailrace_core.aws.calls import Call


def serialize_transactions(execute: Callable[[Call], Any]) -> Callable[[Call], Any]:
    """Wrap ``execute`` so that one transaction at a time is in progress.

    Other calls run concurrently.

    A thread waits for a few calls at most, and each of those has a timeout. Wrap the result in the
    retries, not the retries in this: else the lock would be held during a backoff.
    """
    lock = Lock()

    def execute_serialized(call: Call) -> Any:
        if call.operation != "transact_write_items":
            return execute(call)
        with lock:
            return execute(call)

    return execute_serialized
