"""The queue of one asynchronous endpoint."""

import math
from collections import deque

from tailrace_local.sagemaker.messages.invocations import Invocation


class Backlog:
    """Invocations that wait, first come first served, and the number in process.

    It belongs to the endpoint, not to its instances: updates and scaling do not touch it.
    """

    def __init__(self) -> None:
        self._waiting: deque[Invocation] = deque()
        self._in_process: dict[str, Invocation] = {}
        # Nothing that waits expires before: asked after each request, a look at all of them would be quadratic.
        self._none_before_s = math.inf

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def in_process(self) -> int:
        """How many are being worked on."""
        return len(self._in_process)

    @property
    def size(self) -> int:
        """Both, as ApproximateBacklogSize counts."""
        return self.waiting + self.in_process

    def add(self, invocation: Invocation) -> None:
        """Put at the end."""
        self._waiting.append(invocation)
        self._none_before_s = min(self._none_before_s, invocation.expires_s)

    def take(self) -> Invocation | None:
        """Move the first that waits into process."""
        if not self._waiting:
            return None
        invocation = self._waiting.popleft()
        self._in_process[invocation.id] = invocation
        return invocation

    def done(self, invocation: Invocation) -> None:
        """It is no longer in process."""
        self._in_process.pop(invocation.id, None)

    def expire(self, now_s: float) -> list[Invocation]:
        """Take out what has waited beyond its TTL. What is in process does not expire."""
        if now_s < self._none_before_s:
            return []
        late = [invocation for invocation in self._waiting if invocation.expires_s <= now_s]
        self._waiting = deque(invocation for invocation in self._waiting if invocation.expires_s > now_s)
        self._none_before_s = min((invocation.expires_s for invocation in self._waiting), default=math.inf)
        return late

    def drop(self) -> int:
        """Forget all that wait; how many they were."""
        dropped = len(self._waiting)
        self._waiting.clear()
        return dropped

    def oldest_age_s(self, now_s: float) -> float:
        """Age of the oldest request, waiting or in process; 0 when there is none."""
        received = [invocation.received_s for invocation in (*self._in_process.values(), *list(self._waiting)[:1])]
        return max(0.0, now_s - min(received)) if received else 0.0
