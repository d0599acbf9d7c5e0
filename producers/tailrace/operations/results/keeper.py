"""The thread that extends a reader's leases, and releases what waits when the reader is stopped."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

_STOP, _END = "stop", "end"


class Keeper:
    """Calls ``beat`` every ``every_s`` seconds in a thread, and ``release`` when told to."""

    def __init__(self, beat: Callable[[], None], release: Callable[[], None], every_s: float) -> None:
        self._beat = beat
        self._release = release
        self._every_s = every_s
        # Unlike an Event's `set`, its `put` may interrupt itself: a signal handler calls it.
        self._messages: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="tailrace-results", daemon=True)
        self._thread.start()

    def release_soon(self) -> None:
        """Have ``release`` called at once in the thread; safe in a signal handler."""
        self._messages.put(_STOP)

    def end(self) -> None:
        """End the thread, and wait for a call under way; its calls have time limits."""
        self._messages.put(_END)
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            try:
                message = self._messages.get(timeout=self._every_s)
            except queue.Empty:
                self._beat()
                continue
            if message == _END:
                return
            self._release()
