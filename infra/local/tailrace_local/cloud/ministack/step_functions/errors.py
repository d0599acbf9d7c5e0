"""Patches of Retry and Catch.

Source: AWS's "Handling errors in Step Functions workflows".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tailrace_local.cloud.ministack.patching import Patch
from tailrace_local.cloud.ministack.step_functions import executions

_SERVICE = "ministack.services.stepfunctions"
_MATCHES = Patch(
    _SERVICE,
    "_error_matches(error_equals, error)",
    corrects="MiniStack's States.ALL matches States.DataLimitExceeded and States.Runtime.",
    why="AWS's does not: a definition would handle here what ends its execution on AWS.",
    until="MiniStack's States.ALL leaves the errors out that AWS's does.",
)
_RETRIER = Patch(
    _SERVICE,
    "_find_matching_retrier(retriers, error, retry_counts)",
    corrects="MiniStack ignores MaxDelaySeconds and JitterStrategy, and retries after the end of an execution.",
    why="Stripes that fail together would be tried again together, and stopped executions would go on.",
    until="MiniStack waits as a retrier says, and not at all after the execution's end.",
)
_RUNTIME, _TOO_LARGE = "States.Runtime", "States.DataLimitExceeded"
Retrier = Mapping[str, Any]


class ErrorRules:
    """Decides what Retry and Catch match, and how long a retry waits."""

    def __init__(self, share: Callable[[], float]) -> None:
        """`share` draws the share of a delay that is waited with full jitter, in [0, 1)."""
        self._share = share

    def install(self) -> None:
        """Apply the patches."""
        _MATCHES.wrap(self._matches)
        _RETRIER.wrap(self._retrier)

    def _matches(self, original: Callable[..., bool], names: Sequence[str], error: str) -> bool:
        if error == _RUNTIME:
            return False
        if error == _TOO_LARGE:
            return error in names
        return original(names, error)

    def _retrier(
        self, original: Callable[..., tuple[Retrier | None, int]], retriers: Any, error: str, counts: Mapping[int, int]
    ) -> tuple[Retrier | None, int]:
        execution = executions.current()
        if execution is not None and not executions.is_open(execution):
            return None, -1
        found, index = original(retriers, error, counts)
        if found is None:
            return None, -1
        wait_s = delay_s(found, counts.get(index, 0), self._share())
        return {**found, "IntervalSeconds": wait_s, "BackoffRate": 1.0}, index


def delay_s(retrier: Retrier, retries: int, share: float) -> float:
    """Return how long a retry waits after `retries` earlier ones.

    With full jitter, `share` of the delay.
    """
    found = float(retrier.get("IntervalSeconds", 1)) * float(retrier.get("BackoffRate", 2.0)) ** retries
    found = min(found, float(retrier.get("MaxDelaySeconds", found)))
    return found * share if retrier.get("JitterStrategy") == "FULL" else found
