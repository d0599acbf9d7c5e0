"""The clients' methods that read events: `results` and `consume`.

They import what they need when they are called: most commands and clients read no events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tailrace.aws.queues import QueueCounts
    from tailrace.aws.stacks import Stack
    from tailrace.operations.results.async_reader import AsyncResultsReader
    from tailrace.operations.results.once import OnceTable, PersistenceLayer
    from tailrace.operations.results.opening import OpenedQueue
    from tailrace.operations.results.reader import ResultsReader
    from tailrace.operations.results.reading import ReaderCounts
    from tailrace.operations.results.unknown import Event, OnUnknown
    from tailrace_core.aws.calls import Call
    from tailrace_core.errors import MessageError

_HIDDEN_S = 120
_MAX_HOLD_S = 3600


class ReadsEvents:
    """The sync methods; a client says how to reach its stack."""

    def _stack_and_executor(self) -> tuple[Stack, Callable[[Call], Any]]:
        raise NotImplementedError

    def _dynamodb(self) -> Any:
        """Return a boto3 client of DynamoDB."""
        raise NotImplementedError

    def results(
        self,
        queue: str | None = None,
        *,
        prefetch: int = 10,
        hidden_s: int = _HIDDEN_S,
        max_hold_s: float = _MAX_HOLD_S,
        on_unknown: OnUnknown = "skip",
        on_lost: Callable[[Event], object] | None = None,
        on_unreadable: Callable[[MessageError], object] | None = None,
        follow: bool = True,
        max_events: int | None = None,
    ) -> ResultsReader:
        """Return a reader of the events of finished parts and jobs, to be used in ``with``.

        Args:
            queue: URL, name or ARN of a subscribed queue; by default the stack's results queue.
            prefetch: Most events to hold at a time, 1 to 10.
            hidden_s: Seconds that an event stays hidden from other readers if this one dies.
            max_hold_s: Seconds after which the lease of an event is no longer extended.
            on_unknown: Treatment of events of types or schema versions that are not known here:
                ``skip`` acknowledges and counts them, ``fail`` raises `MessageError`, a function is
                called with an `UnknownEvent` that is then acknowledged and counted.
            on_lost: Called with an event whose lease ended before it was handed out or acknowledged.
            on_unreadable: Called with the error of a message that is no event.
            follow: Wait for more events until stopped; otherwise end when the queue is empty.
            max_events: End after this many events; no more are received.

        Raises:
            InputError: an option is out of its range, or there is no such queue.
        """
        from tailrace.operations.results.opening import open_queue  # noqa: PLC0415 - on use
        from tailrace.operations.results.reader import ResultsReader  # noqa: PLC0415 - on use
        from tailrace.operations.results.reading import ReaderOptions  # noqa: PLC0415 - on use
        from tailrace_core.aws.calls import run  # noqa: PLC0415 - on use

        options = ReaderOptions(
            prefetch=prefetch,
            hidden_s=hidden_s,
            max_hold_s=max_hold_s,
            on_unknown=on_unknown,
            on_lost=on_lost,
            on_unreadable=on_unreadable,
            follow=follow,
            max_events=max_events,
        )
        stack, execute = self._stack_and_executor()
        opened = run(open_queue(stack, queue, options), execute)
        return ResultsReader(opened.reading, execute, bucket=opened.bucket)

    def queue_counts(self, queue: str | None = None) -> QueueCounts:
        """Count the messages of the results queue, or of another one, without receiving any."""
        from tailrace.operations.results.opening import count_messages  # noqa: PLC0415 - on use
        from tailrace_core.aws.calls import run  # noqa: PLC0415 - on use

        stack, execute = self._stack_and_executor()
        return run(count_messages(stack, queue), execute)

    def recent_events(self, jobs: int = 10) -> Iterator[Event]:
        """Yield the events that the newest finished jobs published, newest job first.

        Nothing is received: they are written again from the ledger and the manifests, without the
        parts' bodies and the service's times. Some of them may wait in a queue, others are done.
        Reads the ledger, which `ReaderPolicy` does not allow.
        """
        from tailrace.download.parts import object_call, read_manifest  # noqa: PLC0415 - on use
        from tailrace.operations.results.recent import published_events  # noqa: PLC0415 - on use
        from tailrace_core.aws.calls import run  # noqa: PLC0415 - on use
        from tailrace_core.ledger.dynamo_steps import DynamoSteps  # noqa: PLC0415 - on use
        from tailrace_core.objects import keys  # noqa: PLC0415 - on use

        stack, execute = self._stack_and_executor()
        for job in run(DynamoSteps(stack.table).jobs(jobs), execute):
            if job.state.final:
                yield from published_events(
                    read_manifest(execute(object_call(stack.bucket, keys.manifest_key(job.job_id))), job), stack.bucket
                )

    def consume(
        self,
        handler: Callable[[Event], object],
        *,
        workers: int = 4,
        queue: str | None = None,
        hidden_s: int = _HIDDEN_S,
        max_hold_s: float = _MAX_HOLD_S,
        on_unknown: OnUnknown = "skip",
        on_lost: Callable[[Event], object] | None = None,
        follow: bool = True,
        once: str | PersistenceLayer | None = None,
    ) -> ReaderCounts:
        """Call ``handler`` for each event until the process is stopped; return what was done.

        An event is acknowledged when the handler returns. An exception is logged and hands the
        event back: it comes again after 5 seconds, 10, 20, and so on with each receive, and goes to
        the queue's dead letters in the end. SIGTERM and Ctrl-C let the handlers that run finish; a
        second one acts as usual. Nothing is received that no worker is free for.

        Args:
            handler: Called in several threads at once.
            workers: Number of threads, 1 to 100.
            queue: As for `results`.
            hidden_s: As for `results`.
            max_hold_s: As for `results`; the longest time that a handler may take, in seconds.
            on_unknown: As for `results`.
            on_lost: As for `results`.
            follow: As for `results`.
            once: Name of a table of DynamoDB that keeps the ids of handled events, or a persistence
                layer of Powertools' idempotency utility: an event that any process handled before
                is acknowledged without calling the handler. Needs the extra ``[once]``.

        Raises:
            InputError: an option is out of its range, or there is no such queue.
            TailraceError: the queue cannot be read any more.
        """
        from tailrace.operations.results.consuming import Consumer, stopping_at_signals  # noqa: PLC0415 - on use
        from tailrace.operations.results.opening import consumer_options, open_queue  # noqa: PLC0415 - on use
        from tailrace_core.aws.calls import run  # noqa: PLC0415 - on use

        options = consumer_options(
            workers, hidden_s=hidden_s, max_hold_s=max_hold_s, on_unknown=on_unknown, on_lost=on_lost, follow=follow
        )
        stack, execute = self._stack_and_executor()
        opened = run(open_queue(stack, queue, options), execute)
        table = once_table(once, opened, max_hold_s, self._dynamodb)
        consumer = Consumer(opened.reading, execute, handler, workers=workers, once=table)
        with stopping_at_signals(consumer.stop):
            return consumer.run()


class ReadsEventsAsync:
    """The same methods with coroutines."""

    async def _stack_and_executor(self) -> tuple[Stack, Callable[[Call], Awaitable[Any]]]:
        raise NotImplementedError

    def _dynamodb(self) -> Any:
        """Return a boto3 client of DynamoDB."""
        raise NotImplementedError

    def results(
        self,
        queue: str | None = None,
        *,
        prefetch: int = 10,
        hidden_s: int = _HIDDEN_S,
        max_hold_s: float = _MAX_HOLD_S,
        on_unknown: OnUnknown = "skip",
        on_lost: Callable[[Event], object] | None = None,
        on_unreadable: Callable[[MessageError], object] | None = None,
        follow: bool = True,
        max_events: int | None = None,
    ) -> AsyncResultsReader:
        """Return a reader, to be used in ``async with``; see `Tailrace.results`."""
        from tailrace.operations.results.async_reader import AsyncResultsReader  # noqa: PLC0415 - on use
        from tailrace.operations.results.opening import open_queue  # noqa: PLC0415 - on use
        from tailrace.operations.results.reading import ReaderOptions  # noqa: PLC0415 - on use
        from tailrace_core.aws.calls import run_async  # noqa: PLC0415 - on use

        options = ReaderOptions(
            prefetch=prefetch,
            hidden_s=hidden_s,
            max_hold_s=max_hold_s,
            on_unknown=on_unknown,
            on_lost=on_lost,
            on_unreadable=on_unreadable,
            follow=follow,
            max_events=max_events,
        )

        async def opened() -> OpenedQueue:
            stack, execute = await self._stack_and_executor()
            return await run_async(open_queue(stack, queue, options), execute)

        async def execute(call: Call) -> Any:
            return await (await self._stack_and_executor())[1](call)

        return AsyncResultsReader(opened, execute)

    async def consume(
        self,
        handler: Callable[[Event], Awaitable[object]],
        *,
        workers: int = 4,
        queue: str | None = None,
        hidden_s: int = _HIDDEN_S,
        max_hold_s: float = _MAX_HOLD_S,
        on_unknown: OnUnknown = "skip",
        on_lost: Callable[[Event], object] | None = None,
        follow: bool = True,
        once: str | PersistenceLayer | None = None,
    ) -> ReaderCounts:
        """Await ``handler`` for each event, ``workers`` at a time; see `Tailrace.consume`.

        The table of ``once`` is used with boto3's default credentials; pass a persistence layer to
        use others.

        When it is cancelled, the handlers are cancelled and their events released.
        """
        from tailrace.operations.results.async_consuming import AsyncConsumer, stopping_at_loop_signals  # noqa: PLC0415 - on use
        from tailrace.operations.results.opening import consumer_options, open_queue  # noqa: PLC0415 - on use
        from tailrace_core.aws.calls import run_async  # noqa: PLC0415 - on use

        options = consumer_options(
            workers, hidden_s=hidden_s, max_hold_s=max_hold_s, on_unknown=on_unknown, on_lost=on_lost, follow=follow
        )
        stack, execute = await self._stack_and_executor()
        opened = await run_async(open_queue(stack, queue, options), execute)
        table = once_table(once, opened, max_hold_s, self._dynamodb)
        consumer = AsyncConsumer(opened.reading, execute, handler, workers=workers, once=table)
        with stopping_at_loop_signals(consumer.stop):
            return await consumer.run()


def once_table(
    once: str | PersistenceLayer | None, opened: OpenedQueue, max_hold_s: float, client: Callable[[], Any]
) -> OnceTable | None:
    """Return the table that keeps ids of handled events, if there is to be one."""
    from tailrace.operations.results.once import OnceTable  # noqa: PLC0415 - on use

    if once is None:
        return None
    if isinstance(once, str):
        return OnceTable.of(once, client(), queue=opened.queue_name, max_hold_s=max_hold_s)
    return OnceTable(once, max_hold_s=max_hold_s)
