"""The executor of the functions: direct calls where the environment suffices, else botocore's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_core.aws.calls import Call
from tailrace_core.aws.direct.caller import DirectCaller, Target
from tailrace_core.aws.direct.connections import ConnectionPool, Timeouts
from tailrace_core.aws.direct.environment import EnvironmentTargets
from tailrace_core.aws.direct.requests import NotDirectError, OtherRegionError
from tailrace_core.aws.retrying import RetryPolicy, retrying

TIMEOUTS = Timeouts(connect_s=3, read_s=20)
"""Those of `tailrace_consumers.adapters.clients.default_client`."""
STANDARD_RETRIES = RetryPolicy(max_tries=3, max_conflict_tries=1, base_s=1.0, cap_s=20.0)
"""botocore's standard mode with three attempts; conflicts are left to the retries around this."""


class DirectExecutor:
    """Executes one `Call`, as `BotocoreExecutor` does, without importing botocore for it.

    Thread-safe.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        *,
        timeouts: Timeouts = TIMEOUTS,
        retries: RetryPolicy = STANDARD_RETRIES,
        call: Callable[[Call, Target], Any] | None = None,
        by_botocore: Callable[[Call], Any] | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """``by_botocore`` carries out what is not direct, with time limits and retries of its own.

        ``call`` carries calls out, and ``sleep`` waits; tests replace them.
        """
        self._targets = EnvironmentTargets(environment, "tailrace")
        self._call = call or DirectCaller(
            ConnectionPool(timeouts), self._targets.credentials, more_headers=self._targets.trace_headers
        )
        self._by_botocore = by_botocore or BotocoreExecutor()
        self._direct = retrying(self._once, policy=retries, sleep=sleep)
        self._elsewhere: set[str] = set()
        """Buckets in other regions."""

    def __call__(self, call: Call) -> Mapping[str, Any]:
        """Return the service's response. Raises one of ``tailrace_core.errors``."""
        try:
            answer: Mapping[str, Any] = self._direct(call)
        except NotDirectError as exc:
            if isinstance(exc, OtherRegionError):
                self._elsewhere.add(call.params["Bucket"])
            answer = self._by_botocore(call)
        return answer

    def is_direct(self, call: Call) -> bool:
        """Return false when botocore is to carry the call out."""
        return self._find(call) is not None

    def _find(self, call: Call) -> Target | None:
        # Each direct call of such a bucket would be answered by a redirect first.
        return None if call.params.get("Bucket") in self._elsewhere else self._targets.find(call)

    def _once(self, call: Call) -> Any:
        target = self._find(call)
        if target is None:
            raise NotDirectError
        return self._call(call, target)
