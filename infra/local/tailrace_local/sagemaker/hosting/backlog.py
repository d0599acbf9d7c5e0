"""The queue of one asynchronous endpoint."""

import math
from collections import deque

from tailrace_local.sagemaker.messages.invocations import Invocation


class Backlog:
    """A first-in, first-out queue of invocations, and the invocations in process.

    The queue belongs to the endpoint, not to its instances: updates and scaling keep it.
    """

    def __init__(self) -> None:
        self._waiting: deque[Invocation] = deque()
        self._in_process: dict[str, Invocation] = {}
        # No request expires before this time. `expire` runs after each request; scanning the queue
        # every time would be quadratic.
        self._none_before_s = math.inf

    @property
    def waiting(self) -> int:
        """Number of waiting invocations."""
        return len(self._waiting)

    @property
    def in_process(self) -> int:
        """Number of invocations in process."""
        return len(self._in_process)

    @property
    def size(self) -> int:
        """Number of invocations waiting and in process, as ApproximateBacklogSize counts them."""
        return self.waiting + self.in_process

    def add(self, invocation: Invocation) -> None:
        """Append an invocation."""
        self._waiting.append(invocation)
        self._none_before_s = min(self._none_before_s, invocation.expires_s)

    def take(self) -> Invocation | None:
        """Move the first waiting invocation into process and return it; None if none waits."""
        if not self._waiting:
            return None
        invocation = self._waiting.popleft()
        self._in_process[invocation.id] = invocation
        return invocation

    def done(self, invocation: Invocation) -> None:
        """Remove an invocation that was in process."""
        self._in_process.pop(invocation.id, None)

    def expire(self, now_s: float) -> list[Invocation]:
        """Remove and return the waiting invocations whose TTL has passed.

        Those in process do not expire.
        """
        if now_s < self._none_before_s:
            return []
        late = [invocation for invocation in self._waiting if invocation.expires_s <= now_s]
        self._waiting = deque(invocation for invocation in self._waiting if invocation.expires_s > now_s)
        self._none_before_s = min((invocation.expires_s for invocation in self._waiting), default=math.inf)
        return late

    def drop(self) -> int:
        """Remove all waiting invocations; return their number."""
        dropped = len(self._waiting)
        self._waiting.clear()
        return dropped

    def oldest_age_s(self, now_s: float) -> float:
        """Return the age of the oldest request, waiting or in process; 0 if there is none."""
        received = [invocation.received_s for invocation in (*self._in_process.values(), *list(self._waiting)[:1])]
        return max(0.0, now_s - min(received)) if received else 0.0
