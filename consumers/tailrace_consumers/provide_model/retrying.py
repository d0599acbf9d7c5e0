"""Retries until a deadline: grants take time to propagate, and services fail for a moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tailrace_consumers.provide_model.ports import Clock, NotReadyError, Sleep
from tailrace_core.errors import AccessDeniedError, TailraceError, TransientError

T = TypeVar("T")


PROPAGATION_ERRORS = (AccessDeniedError, NotReadyError)
"""Errors that may be temporary while IAM propagates a grant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryUntil:
    """A retry policy for one event.

    By ``deadline``, on the ``clock``, its response has to be on its way.
    """

    clock: Clock
    sleep: Sleep
    deadline: float
    propagation_s: float = 60.0
    """How long a refusal counts as a grant that is still propagating.

    IAM documents seconds and mostly needs no more.
    """
    first_wait_s: float = 1.0
    max_wait_s: float = 8.0

    def run(self, what: str, attempt: Callable[[], T]) -> T:
        """Call ``attempt`` until it succeeds, and return its result.

        Raises:
            TailraceError: the last error, with the time spent; a permanent error is raised at once.
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
                    raise _exhausted(exc, what, self.clock() - began) from exc
            self.sleep(wait_s)
            wait_s = min(2 * wait_s, self.max_wait_s)


def _exhausted(exc: TailraceError, what: str, tried_s: float) -> TailraceError:
    return type(exc)(f"{what}, tried for {tried_s:.0f} s: {exc.message}")
