"""AWS calls as values.

What the ledger and the producer do is written once, as generators that yield a `Call` and are sent its answer. A sync
shell (boto3), an async shell (aioboto3) and a test each execute them in their own way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from tailrace_core.errors import TailraceError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an AWS client: boto3's names for the service and the method, and its keyword arguments."""

    service: str
    operation: str
    params: Mapping[str, Any]


Steps: TypeAlias = Generator[Call, Any, T]
"""Yields calls, is sent their answers (or thrown a `TailraceError`), returns a T."""


def run(steps: Steps[T], execute: Callable[[Call], Any]) -> T:
    """Drive ``steps`` with an executor that returns an answer or raises a `TailraceError`."""
    try:
        call = next(steps)
        while True:
            try:
                answer = execute(call)
            except TailraceError as exc:
                call = steps.throw(exc)
            else:
                call = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        steps.close()


async def run_async(steps: Steps[T], execute: Callable[[Call], Awaitable[Any]]) -> T:
    """`run` for an executor that must be awaited."""
    try:
        call = next(steps)
        while True:
            try:
                answer = await execute(call)
            except TailraceError as exc:
                call = steps.throw(exc)
            else:
                call = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        steps.close()
