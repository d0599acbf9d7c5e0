"""Opening of a stack's results queue, or of another subscribed queue, for reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tailrace.aws.queues import BATCH, QueueCounts, QueueSteps, find_queue
from tailrace.aws.stacks import Stack
from tailrace.operations.results.reading import ReaderOptions, Reading
from tailrace_core.aws.calls import Steps
from tailrace_core.errors import InputError

MAX_WORKERS = 100


@dataclass(frozen=True, slots=True)
class OpenedQueue:
    """A reading of a queue, and the bucket of its parts."""

    reading: Reading
    bucket: str
    queue_name: str


def open_queue(stack: Stack, named: str | None, options: ReaderOptions) -> Steps[OpenedQueue]:
    """Find a queue by URL, name or ARN; by default the stack's results queue."""
    url = yield from _queue_url(stack, named)
    return OpenedQueue(Reading(QueueSteps(url), options), stack.bucket, url.rpartition("/")[2])


def count_messages(stack: Stack, named: str | None) -> Steps[QueueCounts]:
    """Count the messages of a queue."""
    return (yield from QueueSteps((yield from _queue_url(stack, named))).counts())


def _queue_url(stack: Stack, named: str | None) -> Steps[str]:
    return stack.queue_url("ResultsQueue") if named is None else (yield from find_queue(named))


def consumer_options(workers: int, **options: Any) -> ReaderOptions:
    """Return the options of a consumer's reading: it receives for free workers only.

    Raises:
        InputError: ``workers`` is out of its range.
    """
    if not 1 <= workers <= MAX_WORKERS:
        raise InputError(f"workers is {workers}: give 1 to {MAX_WORKERS}")
    return ReaderOptions(prefetch=min(workers, BATCH), **options)
