"""The pace of an operation, and the time that is left at that pace."""

from __future__ import annotations

from collections import deque

WINDOW_S = 60.0
"""The pace is that of the last minute: one that was slow at first soon looks as fast as it is."""
_MIN_S = 1.0
"""Less time than this shows no pace."""


class Pace:
    """Amounts done at moments in seconds; what is counted (rows, bytes) is up to the caller."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def add(self, now: float, done: float) -> None:
        """Record how much is done. Less than before means another count: the pace begins anew."""
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW_S:  # noqa: PLR2004 - a pace needs two
            self._seen.popleft()

    @property
    def per_s(self) -> float | None:
        """Amount done a second; None while too little time has passed or nothing was done."""
        if not self._seen:
            return None
        (start, before), (end, done) = self._seen[0], self._seen[-1]
        return (done - before) / (end - start) if end - start >= _MIN_S and done > before else None

    def left_s(self, total: float | None) -> float | None:
        """Return the seconds left until ``total`` is done; None if they cannot be told."""
        rate = self.per_s
        if rate is None or total is None or not self._seen:
            return None
        return max(0.0, total - self._seen[-1][1]) / rate
