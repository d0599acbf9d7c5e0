"""The faults that were injected: counters, and a log entry for each."""

from collections import Counter, deque
from typing import Any

from tailrace_local.sagemaker.clock import Clock

KEPT = 20_000


class FaultLog:
    """Faults injected since the plan was set.

    The log keeps the last KEPT entries; the counters count all.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kinds: Counter[str] = Counter()
        self._rules: Counter[str] = Counter()
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def record(self, rule: str, kind: str, endpoint: str, inference_id: str, detail: str = "") -> None:
        """Record an injected fault."""
        self._kinds[kind] += 1
        self._rules[rule] += 1
        entry = {
            "time": round(self._clock.time(), 3),
            "rule": rule,
            "kind": kind,
            "endpoint": endpoint,
            "inference_id": inference_id,
        }
        self._entries.append(entry | ({"detail": detail} if detail else {}))

    def clear(self) -> None:
        """Remove all entries and reset the counters."""
        self._kinds.clear()
        self._rules.clear()
        self._entries.clear()

    def counts(self) -> dict[str, Any]:
        """Return the number of faults: in total, by kind, by rule."""
        return {"total": self._kinds.total(), "by_kind": dict(self._kinds), "by_rule": dict(self._rules)}

    def entries(self) -> list[dict[str, Any]]:
        """Return the log, oldest entry first."""
        return list(self._entries)
