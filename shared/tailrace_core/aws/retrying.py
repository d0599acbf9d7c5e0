"""An executor that tries again what may work a moment later: throttling, lost connections, conflicts of transactions.

Waits are exponential with full jitter (a random part of the whole step), because callers that collided would collide
again if they came back together. What needs longer than a call may wait is the queue's business, not this module's.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from tailrace_core.aws.calls import Call
from tailrace_core.errors import ConflictError, TransientError


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long: at most ``max_tries`` calls in all, waiting up to ``base_s``, doubled up to ``cap_s``.

    A `ConflictError` is tried ``max_conflict_tries`` times: all transactions of a job meet in its counters, a few
    milliseconds each, so that a collision is likely, says nothing of the service's health, and is over soon.
    """

    max_tries: int = 5
    max_conflict_tries: int = 10
    base_s: float = 0.1
    cap_s: float = 5.0

    def __post_init__(self) -> None:
        if min(self.max_tries, self.max_conflict_tries) < 1 or not 0 <= self.base_s <= self.cap_s:
            raise ValueError(f"at least one try, and 0 <= base_s <= cap_s: {self}")

    def wait_s(self, failed: int, error: TransientError, jitter: float) -> float | None:
        """Seconds to wait after ``failed`` tries, the last with ``error``; None when it is not to be tried again.

        ``jitter`` is a random number of [0, 1). A hint of the service is waited out whole; one longer than ``cap_s`` is
        left to the caller, so that no call blocks for longer than the policy says.
        """
        hint_s = error.retry_after_s or 0.0
        tries = self.max_conflict_tries if isinstance(error, ConflictError) else self.max_tries
        if failed >= tries or hint_s > self.cap_s:
            return None
        # 2.0 ** 1024 overflows; no wait is still doubling by then.
        return hint_s + jitter * min(self.cap_s, self.base_s * 2.0 ** min(failed - 1, 64))


DEFAULT_POLICY = RetryPolicy()


def retrying(
    execute: Callable[[Call], Any],
    *,
    policy: RetryPolicy = DEFAULT_POLICY,
    sleep: Callable[[float], object] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> Callable[[Call], Any]:
    """``execute`` that is tried again on a `TransientError`, which is raised in the end when no try succeeds."""

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
    """`retrying` for an executor that must be awaited; ``sleep`` is asyncio's unless given."""
    import asyncio  # noqa: PLC0415  functions do without it, and it takes a twentieth of their cold start

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
    """``call`` with what makes the service recognise a repetition.

    A transaction whose answer was lost has taken place. Tried again under the same token it succeeds again; under the
    token that boto3 invents for each call it would lose against itself and look as if somebody else had been first.
    """
    if call.operation != "transact_write_items" or "ClientRequestToken" in call.params:
        return call
    return replace(call, params={**call.params, "ClientRequestToken": str(uuid.uuid4())})


def _given_up(exc: TransientError, call: Call, tries: int) -> TransientError:
    exc.add_note(f"{call.service}.{call.operation} was tried {tries} time(s); the last error is this one")
    return exc
