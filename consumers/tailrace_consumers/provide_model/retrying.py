"""Trying again until a deadline: what was just granted may not be seen yet, and services have bad moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tailrace_consumers.provide_model.ports import Clock, NotReadyError, Sleep
from tailrace_core.errors import AccessDeniedError, TailraceError, TransientError

T = TypeVar("T")


PROPAGATION_ERRORS = (AccessDeniedError, NotReadyError)
"""What looks like a refusal while IAM spreads a grant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryUntil:
    """Bounds for one event: ``deadline`` is when an answer has to be under way, by the clock."""

    clock: Clock
    sleep: Sleep
    deadline: float
    propagation_s: float = 60.0
    """How long a refusal counts as a grant that is still spreading. IAM promises seconds and mostly keeps it."""
    first_wait_s: float = 1.0
    max_wait_s: float = 8.0

    def run(self, what: str, attempt: Callable[[], T]) -> T:
        """What ``attempt`` returns, in the end.

        Raises:
            TailraceError: its last error, with how long it was tried; a lasting one at once.
        """
        began, wait_s = self.clock(), self.first_wait_s
        while True:
            try:
                return attempt()
            except (TransientError, *PROPAGATION_ERRORS) as exc:
                limit = (
                    self.deadline if isinstance(exc, TransientError) else min(self.deadline, began + self.propagation_s)
                )
                if self.clock() + wait_s > limit:
                    raise _give_up(exc, what, self.clock() - began) from exc
            self.sleep(wait_s)
            wait_s = min(2 * wait_s, self.max_wait_s)


def _give_up(exc: TailraceError, what: str, tried_s: float) -> TailraceError:
    return type(exc)(f"{what}, tried for {tried_s:.0f} s: {exc.message}")
