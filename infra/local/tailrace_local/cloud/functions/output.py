"""A worker's standard output, copied to the function's log file and to the current invocation."""

from __future__ import annotations

import os
import select
import threading
from pathlib import Path

# An invocation's output beyond this is left out of its result; the file has all of it.
_KEPT_BYTES = 1024 * 1024


class WorkerOutput:
    """A pipe. The worker writes to it, and a thread copies from it."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._kept = bytearray()
        self._lock = threading.Lock()
        self._open = True
        threading.Thread(target=self._copy, daemon=True).start()

    def started(self) -> None:
        """Close this process's copy of the writing end.

        With it open, the end of the output would not be seen.
        """
        os.close(self.writing)

    def take(self) -> str:
        """Return the output since the last call, including the contents of the pipe."""
        self._read()
        with self._lock:
            kept, self._kept = self._kept, bytearray()
        return kept.decode(errors="replace")

    def _copy(self) -> None:
        # Not select(), which takes no descriptor above 1023: 50 files at once need more.
        waiting = select.poll()
        waiting.register(self._reading, select.POLLIN)
        while self._open:
            if waiting.poll(1000):
                self._read()
        os.close(self._reading)

    def _read(self) -> None:
        with self._lock:
            while self._open:
                try:
                    block = os.read(self._reading, 65536)
                except BlockingIOError:
                    return
                if not block:
                    self._open = False
                    return
                with self._log.open("ab") as log:
                    log.write(block)
                if len(self._kept) < _KEPT_BYTES:
                    self._kept += block
