"""Executors that retry transient errors: throttling, lost connections, transaction conflicts.

Waits grow exponentially with full jitter (a random share of the whole step): callers that collided
would collide again if they retried at the same moment. Longer waits belong to the queues, which
deliver a message again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from tailrace_core.aws.calls import Call
from tailrace_core.errors import ConflictError, TransientError

_FAIR_TRIES = 6
"""Lost conflicts after which a caller tries more often than others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The number of tries and the waits between them.

    Args:
        max_tries: Calls in all, the first included. Default 5.
        max_conflict_tries: The same for a `ConflictError`. Default 100: all transactions of a job
            write its counters, a few milliseconds each. A collision is likely, is no sign of the
            service's health, and passes soon. A caller that gives up waits for its queue, which
            takes minutes.
        base_s: Longest wait after the first failure, in seconds; it doubles with each. Default 0.1.
        cap_s: Longest wait at all, in seconds. Default 5.
        conflict_cap_s: The same for a `ConflictError`. Default 2: a hundred callers, each of which
            needs the same item for 20 ms. From the seventh failure on it shrinks in proportion, so
            that a caller who has waited long tries more often than those who come.

    Raises:
        ValueError: a number of tries is below 1, or ``base_s`` is not between 0 and ``cap_s``.
    """

    max_tries: int = 5
    max_conflict_tries: int = 100
    base_s: float = 0.1
    cap_s: float = 5.0
    conflict_cap_s: float = 2.0

    def __post_init__(self) -> None:
        if min(self.max_tries, self.max_conflict_tries) < 1 or not 0 <= self.base_s <= self.cap_s:
            raise ValueError(f"a retry policy needs at least one try, and 0 <= base_s <= cap_s: {self}")

    def wait_s(self, failed: int, error: TransientError, jitter: float) -> float | None:
        """Return the seconds to wait after ``failed`` tries; None to give up.

        ``error`` is the last try's error, and ``jitter`` a random number from [0, 1). A hint of the
        service is waited out whole. A hint above ``cap_s`` ends the tries, so that no call blocks
        for longer than the policy allows.
        """
        hint_s = error.retry_after_s or 0.0
        conflict = isinstance(error, ConflictError)
        tries = self.max_conflict_tries if conflict else self.max_tries
        patience = min(1.0, _FAIR_TRIES / failed)
        longest_s = min(self.cap_s, self.conflict_cap_s * patience) if conflict else self.cap_s
        if failed >= tries or hint_s > self.cap_s:
            return None
        # 2.0 ** 1024 overflows; every wait is at its cap long before.
        return hint_s + jitter * min(longest_s, self.base_s * 2.0 ** min(failed - 1, 64))


DEFAULT_POLICY = RetryPolicy()


def retrying(
    execute: Callable[[Call], Any],
    *,
    policy: RetryPolicy = DEFAULT_POLICY,
    sleep: Callable[[float], object] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> Callable[[Call], Any]:
    """Wrap ``execute`` to retry on a `TransientError`; the last one is raised when no try succeeds.

    ``sleep`` and ``jitter`` are arguments for tests.
    """

    def attempt(call: Call) -> Any:
        call, failed = _repeatable(call), 0
        while True:
            try:
                return execute(call)
            except TransientError as exc:
                failed += 1
                wait_s = policy.wait_s(failed, exc, jitter())
                if wait_s is None:
                    raise _given_up(exc, call, failed) from exc.__cause__
            sleep(wait_s)

    return attempt


def retrying_async(
    execute: Callable[[Call], Awaitable[Any]],
    *,
    policy: RetryPolicy = DEFAULT_POLICY,
    sleep: Callable[[float], Awaitable[object]] | None = None,
    jitter: Callable[[], float] = random.random,
) -> Callable[[Call], Awaitable[Any]]:
    """Wrap an awaited ``execute`` like `retrying`; ``sleep`` defaults to asyncio's."""
    import asyncio  # noqa: PLC0415  Lambda functions do not need it; it takes a twentieth of their cold start

    wait = sleep or asyncio.sleep

    async def attempt(call: Call) -> Any:
        call, failed = _repeatable(call), 0
        while True:
            try:
                return await execute(call)
            except TransientError as exc:
                failed += 1
                wait_s = policy.wait_s(failed, exc, jitter())
                if wait_s is None:
                    raise _given_up(exc, call, failed) from exc.__cause__
            await wait(wait_s)

    return attempt


def _repeatable(call: Call) -> Call:
    """Add the idempotency token of a transaction, so that the service recognises a retry.

    A transaction whose answer was lost may have been committed. A retry with the same token
    succeeds again. With a new token, which boto3 makes for each call, the retry would fail its own
    conditions and look like a write that lost to another writer.
    """
    if call.operation != "transact_write_items" or "ClientRequestToken" in call.params:
        return call
    import uuid  # noqa: PLC0415 - it imports `platform`

    return replace(call, params={**call.params, "ClientRequestToken": str(uuid.uuid4())})


def _given_up(exc: TransientError, call: Call, tries: int) -> TransientError:
    exc.add_note(f"{call.service}.{call.operation} was tried {tries} time(s); this is the last error")
    return exc
