"""A step of somebody's work: what is done, and what is seen of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Seen = Mapping[str, object]
"""What a step led to, by what it is called in words; the same each time as long as nothing is refused."""

_WITHIN_S = 60.0
_AFTER_REFUSAL_S = 0.7
"""At least: it may be somebody else who was refused, beside what the step waits for."""


class Patience:
    """Waits for what a step leads to, and not for long once somebody was refused: then it may never come.

    ``usual_s`` is how long the step takes when nobody is refused, on a machine as busy as this one.
    """

    def __init__(self, refused: Callable[[], bool], usual_s: float = 0.0) -> None:
        self._refused = refused
        self._after_refusal_s = max(_AFTER_REFUSAL_S, usual_s)

    def until(self, condition: Callable[[], object]) -> bool:
        """Whether it came true.

        Raises:
            AssertionError: nobody was refused, and it did not come true within a minute.
        """
        deadline = time.monotonic() + _WITHIN_S
        told = False
        while not condition():
            if time.monotonic() >= deadline:
                assert told, f"it did not come true within {_WITHIN_S:.0f} s"
                return False
            if not told and self._refused():
                told, deadline = True, min(deadline, time.monotonic() + self._after_refusal_s)
            time.sleep(0.05)
        return True


@dataclass(frozen=True)
class Step:
    """A name in words, and what does it: as often as one likes, each time from the start."""

    name: str
    run: Callable[[Patience], Seen]
