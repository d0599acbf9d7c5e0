"""A step of a principal's work, and the observation of its effect."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Observation = Mapping[str, object]
"""A step's effects by their names in words; equal in each run in which no request is refused."""

_WITHIN_S = 180.0
_AFTER_REFUSAL_S = 0.7
"""The minimum: the refused request may be another's, beside the effect that the step waits for."""


class EffectWait:
    """Waits for a step's effect, and only briefly after a refusal, when the effect may never come.

    ``usual_s`` is the duration of the step's waits without refusals, on a machine as busy as this
    one.
    """

    def __init__(self, refused: Callable[[], bool], usual_s: float = 0.0) -> None:
        self.seconds = 0.0
        """Duration of the waits so far."""
        self._refused = refused
        self._after_refusal_s = max(_AFTER_REFUSAL_S, usual_s)

    def until(self, condition: Callable[[], object], *, most_after_refusal_s: float = _WITHIN_S) -> bool:
        """Wait until the condition is true; return False when it stays false after a refusal.

        ``most_after_refusal_s`` bounds the wait after a refusal on a slow machine too.

        Raises:
            AssertionError: no request was refused, and the condition was false for three minutes.
        """
        began = time.monotonic()
        try:
            after_refusal_s = min(self._after_refusal_s, most_after_refusal_s)
            return self._until(condition, began + _WITHIN_S, after_refusal_s)
        finally:
            self.seconds += time.monotonic() - began

    def _until(self, condition: Callable[[], object], deadline: float, after_refusal_s: float) -> bool:
        refused = False
        while not condition():
            if time.monotonic() >= deadline:
                assert refused, f"the condition was false for {_WITHIN_S:.0f} s"
                return False
            if not refused and self._refused():
                refused, deadline = True, min(deadline, time.monotonic() + after_refusal_s)
            time.sleep(0.05)
        return True


@dataclass(frozen=True)
class Step:
    """A step by its name in words.

    ``run`` may be called any number of times, each from the start.
    """

    name: str
    run: Callable[[EffectWait], Observation]
