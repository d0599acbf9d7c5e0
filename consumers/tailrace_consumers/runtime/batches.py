"""Batches of queue messages with partial failures.

Each message succeeds or fails on its own; the response lists the failed ones. Powertools has a
processor for this, but importing it takes a quarter of a function's cold start (decision 91).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tailrace_consumers.ports import DeferToSerialError

T = TypeVar("T")

CONCURRENCY = 4
"""Messages of a batch that CollectResults handles at once.

It mostly waits for AWS (decision 95).
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A message as Lambda passes it."""

    message_id: str
    body: str
    serial: bool = True
    """False while other messages may be handled at the same time."""


def process_batch(
    event: Mapping[str, Any],
    handle: Callable[[Record], None],
    finish: Callable[[], Collection[str]] = tuple,
    *,
    settle: Callable[[], Collection[str]] = tuple,
    concurrency: int | None = None,
) -> dict[str, Any]:
    """Handle each message and return Lambda's partial batch response.

    SQS delivers a message again when ``handle`` raised, and moves it to the dead-letter queue in
    the end. A batch whose messages all failed gets the same kind of response: it lists the
    failures, and the queue counts receives.

    ``finish`` runs after all messages, for work that several of them share. It returns the ids of
    the messages whose share failed.

    With a ``concurrency``, so many threads handle the messages of a larger batch (the caller's if
    1). Then ``settle`` runs, which returns ids as ``finish`` does. At last, a message whose
    ``handle`` raised `DeferToSerialError` is handled again, alone.
    """
    records = [Record(each["messageId"], each["body"]) for each in event["Records"]]
    failed: set[str] = set()
    deferred: list[Record] = []

    def handle_one(record: Record) -> None:
        try:
            handle(record)
        except Exception as exc:  # noqa: BLE001 one message's failure must not stop the others
            if isinstance(exc, DeferToSerialError) and not record.serial:
                deferred.append(replace(record, serial=True))
            else:
                failed.add(record.message_id)

    if concurrency is not None and len(records) > 1:
        handle_concurrently(handle_one, [replace(each, serial=False) for each in records], concurrency=concurrency)
        failed.update(settle())
    else:
        deferred = records
    for record in deferred:
        handle_one(record)
    failed.update(finish())
    return {"batchItemFailures": [{"itemIdentifier": each.message_id} for each in records if each.message_id in failed]}


def handle_concurrently(
    handle: Callable[[T], object],
    items: Iterable[T],
    *,
    concurrency: int,
    make_pool: Callable[[int], Executor] = ThreadPoolExecutor,
) -> None:
    """Call ``handle`` for each item, in order, at most ``concurrency`` at once.

    Return when all calls have ended.

    The caller's thread handles all if ``concurrency`` is 1, and what is left when the process can
    start no thread. Once a call
    raises, no other begins; calls in progress end first, then the first exception is raised here.
    ``handle`` has to bound its own duration: each AWS call has a timeout, and so does the function.
    """
    waiting = deque(items)
    raised: list[BaseException] = []

    def handle_next() -> None:
        try:
            if waiting:
                handle(waiting.popleft())
        except BaseException as exc:  # noqa: BLE001 raised by the caller's thread below
            # In this order: a thread that finds the deque emptied meanwhile appends its IndexError
            # after this.
            raised.append(exc)
            waiting.clear()

    try:
        if concurrency > 1:
            with make_pool(concurrency) as pool:
                for _ in range(len(waiting)):
                    pool.submit(handle_next)
    except RuntimeError:
        pass  # "can't start new thread": the items are still waiting
    except BaseException:
        waiting.clear()
        raise
    while waiting:
        handle_next()
    if raised:
        raise raised[0]
