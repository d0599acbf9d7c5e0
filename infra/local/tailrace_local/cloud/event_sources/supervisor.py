"""Keeps a poller for each event source mapping."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from tailrace_local.cloud.event_sources.mapping import EventSourceMapping
from tailrace_local.cloud.event_sources.poller import Poller
from tailrace_local.cloud.ministack.event_source_mappings import MiniStackMappings

_log = logging.getLogger("tailrace.cloud.event_sources")
_INTERVAL_S = 0.5

MakePoller = Callable[[Callable[[], EventSourceMapping | None], EventSourceMapping], Poller]
"""Makes a poller.

Gets a function that returns the current mapping, and the mapping as it was first read.
"""


class PollerSupervisor:
    """Reads the mappings twice a second, and keeps one poller for each."""

    def __init__(self, mappings: MiniStackMappings, make_poller: MakePoller) -> None:
        self._mappings = mappings
        self._make_poller = make_poller
        self._pollers: dict[str, Poller] = {}
        self._seen: dict[str, EventSourceMapping] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="queue-supervisor", daemon=True)

    def start(self) -> None:
        """Start the thread that reconciles."""
        self._thread.start()

    def stop(self) -> None:
        """Stop every poller."""
        self._stopped.set()
        for poller in list(self._pollers.values()):
            poller.stop()

    def listed(self) -> list[dict[str, Any]]:
        """Return queue, function, state of the poller and batches in flight, for each mapping."""
        return [
            {
                "queue": mapping.queue_arn.rsplit(":", 1)[-1],
                "function": mapping.function_name,
                "enabled": mapping.enabled,
                # Read before in_flight: a batch is counted in flight before its poller stops
                # receiving.
                "receiving": uuid in self._pollers and self._pollers[uuid].receiving,
                "in_flight": self._pollers[uuid].in_flight if uuid in self._pollers else 0,
            }
            for uuid, mapping in list(self._seen.items())
        ]

    def _run(self) -> None:
        while not self._stopped.wait(_INTERVAL_S):
            try:
                self.reconcile()
            except Exception:  # noqa: BLE001 - the next attempt comes half a second later
                _log.exception("the event source mappings could not be read")

    def reconcile(self) -> None:
        """Start a poller for each new mapping, and stop those whose mapping is gone."""
        read = (EventSourceMapping.of(*found) for found in self._mappings.all())
        self._seen = {mapping.uuid: mapping for mapping in read if mapping}
        for uuid in set(self._pollers) - set(self._seen):
            self._pollers.pop(uuid).stop()
        for uuid, mapping in self._seen.items():
            if uuid not in self._pollers or not self._pollers[uuid].alive:
                poller = self._make_poller(lambda uuid=uuid: self._seen.get(uuid), mapping)  # type: ignore[misc]  # typed default
                self._pollers[uuid] = poller
                poller.start()
