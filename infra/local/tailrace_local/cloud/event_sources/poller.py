"""A poller: receives from one queue, invokes one function, deletes the messages that succeeded."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from tailrace_local.cloud.event_sources.batch_response import failed_messages
from tailrace_local.cloud.event_sources.events import event_record, split_batches
from tailrace_local.cloud.event_sources.mapping import EventSourceMapping

_log = logging.getLogger("tailrace.cloud.event_sources")

_RECEIVE_AT_MOST = 10
_WAIT_S = 5
_PAUSE_S = 1.0
_DISABLED_PAUSE_S = 0.2
"""How soon an enabled mapping is seen; to look at its record costs nothing."""
# How long a throttled batch is retried. After that its messages return when their visibility
# timeout ends.
_THROTTLED_S = 20.0


class Queue(Protocol):
    """A queue, read with the function's role."""

    def receive(self, maximum: int, wait_s: int) -> list[dict[str, Any]]:
        """Receive up to `maximum` messages (at most ten); wait up to `wait_s` for the first."""
        ...

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete up to ten messages."""
        ...


class Function(Protocol):
    """A function, as the poller invokes it."""

    @property
    def reserved_concurrency(self) -> int | None:
        """The function's reserved concurrency; None when it has none."""
        ...

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke the function; returns MiniStack's result: `body`, and `error` or `throttle`."""
        ...

    def matching(self, records: list[dict[str, Any]], mapping: EventSourceMapping) -> list[dict[str, Any]]:
        """Return the records that pass the mapping's filter."""
        ...


class Poller:
    """Polls for one mapping until it is stopped.

    `mapping()` is called before each batch, so that an update takes effect with the next one; None
    ends the poller.
    """

    def __init__(
        self,
        mapping: Callable[[], EventSourceMapping | None],
        queue: Queue,
        function: Function,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._mapping = mapping
        self._queue = queue
        self._function = function
        self._clock = clock
        self._pause_s = pause_s
        self._stopped = threading.Event()
        self._free = threading.Condition()
        self.receiving = False
        self.in_flight = 0
        self._pool = ThreadPoolExecutor(max_workers=1000, thread_name_prefix="batch")
        self._thread = threading.Thread(target=self._run, name="queue-poller", daemon=True)

    def start(self) -> None:
        """Start to receive."""
        self._thread.start()

    def stop(self) -> None:
        """Stop to receive. Batches in flight finish."""
        self._stopped.set()
        with self._free:
            self._free.notify_all()
        self._pool.shutdown(wait=False)

    def join(self, timeout_s: float) -> None:
        """Wait until the poller has stopped."""
        self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """True while the poller's thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            # Set before the mapping is read, so that a poller of a disabled mapping that is seen
            # not to receive receives nothing more.
            self.receiving = True
            mapping = self._mapping()
            if mapping is None:
                break
            if not mapping.enabled:
                self.receiving = False
                self._stopped.wait(min(self._pause_s, _DISABLED_PAUSE_S))
                continue
            try:
                self._poll_once(mapping)
            except Exception as error:  # noqa: BLE001 - a poller survives errors of its queue and its function
                _log.warning("polling %s for %s: %s", mapping.queue_arn, mapping.function_name, error)
                self._stopped.wait(self._pause_s)
        self.receiving = False

    def _poll_once(self, mapping: EventSourceMapping) -> None:
        if not self._wait_for_slot(mapping.concurrency(self._function.reserved_concurrency)):
            return
        messages = self.receive_batch(mapping)
        if messages and not self._stopped.is_set():
            with self._free:
                self.in_flight += 1
            self._pool.submit(self._work, mapping, messages)

    def receive_batch(self, mapping: EventSourceMapping) -> list[dict[str, Any]]:
        """Receive a batch: until it is full or the batching window closes.

        Without a window, by one receive.
        """
        messages = self._queue.receive(min(mapping.batch_size, _RECEIVE_AT_MOST), _WAIT_S)
        if not messages or not mapping.window_s:
            return messages
        closes = self._clock() + mapping.window_s
        while (missing := mapping.batch_size - len(messages)) > 0 and not self._stopped.is_set():
            left_s = closes - self._clock()
            if left_s <= 0:
                break
            found = self._queue.receive(min(missing, _RECEIVE_AT_MOST), min(_WAIT_S, int(left_s)))
            if not found and left_s < 1:
                self._stopped.wait(left_s)
            messages += found
        return messages

    def _work(self, mapping: EventSourceMapping, messages: list[dict[str, Any]]) -> None:
        try:
            records = [event_record(message, queue_arn=mapping.queue_arn) for message in messages]
            wanted = self._function.matching(records, mapping)
            wanted_ids = {found["messageId"] for found in wanted}
            # Lambda deletes the messages that a filter excludes, and does not invoke the function
            # for them.
            self._delete([found for found in records if found["messageId"] not in wanted_ids])
            for batch in split_batches(wanted, size=mapping.batch_size):
                self.deliver(mapping, batch)
        except Exception:  # noqa: BLE001 - its messages return when their visibility timeout ends
            _log.exception("a batch of %s failed", mapping.function_name)
        finally:
            with self._free:
                self.in_flight -= 1
                self._free.notify()

    def deliver(self, mapping: EventSourceMapping, batch: list[dict[str, Any]]) -> None:
        """Invoke the function once and delete the messages that succeeded.

        The others return to the queue when their visibility timeout ends.
        """
        ids = [found["messageId"] for found in batch]
        result = self._invoke({"Records": batch})
        if result.get("error") or result.get("throttle"):
            mapping.record["LastProcessingResult"] = "PROBLEM: Function call failed"
            _log.warning("%s failed a batch of %d: %s", mapping.function_name, len(batch), result.get("body"))
            return
        failed = failed_messages(result.get("body"), ids, reports_failures=mapping.reports_failures)
        mapping.record["LastProcessingResult"] = "OK"
        if failed:
            _log.info("%s failed %d of %d messages", mapping.function_name, len(failed), len(batch))
        self._delete([found for found in batch if found["messageId"] not in failed])

    def _invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        deadline = self._clock() + _THROTTLED_S
        while True:
            result = self._function.invoke(event)
            if not result.get("throttle") or self._clock() >= deadline or self._stopped.wait(0.2):
                return result

    def _delete(self, records: Sequence[dict[str, Any]]) -> None:
        receipts = [found["receiptHandle"] for found in records]
        for first in range(0, len(receipts), 10):
            self._queue.delete(receipts[first : first + 10])

    def _wait_for_slot(self, limit: int) -> bool:
        """Wait until another batch may run.

        Messages received earlier would be invisible while they wait.
        """
        with self._free:
            if self.in_flight >= limit:
                self._free.wait(self._pause_s)
            return self.in_flight < limit and not self._stopped.is_set()
