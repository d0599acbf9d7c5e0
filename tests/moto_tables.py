"""Moto's tables, one call at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from moto.core.common_types import TYPE_RESPONSE
from moto.dynamodb.responses import DynamoHandler


@contextmanager
def one_call_at_a_time() -> Iterator[None]:
    """DynamoDB's calls are atomic, and until the block ends moto's are, too.

    By itself moto undoes a transaction that fails by putting back a copy of the whole table that it
    took before, and with it what others wrote meanwhile; and whoever writes while it copies breaks
    the copying off. Between calls threads interleave as they like.
    """
    lock, stock = threading.RLock(), DynamoHandler.call_action

    def call_action(handler: DynamoHandler) -> TYPE_RESPONSE:
        with lock:
            answer: TYPE_RESPONSE = stock(handler)
        return answer

    DynamoHandler.call_action = call_action  # type: ignore[method-assign]
    try:
        yield
    finally:
        DynamoHandler.call_action = stock  # type: ignore[method-assign]
