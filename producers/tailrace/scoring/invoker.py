"""The port to a model that answers at once."""

from __future__ import annotations

from typing import Protocol

from tailrace_core.errors import TailraceError


class InvocationFailedError(TailraceError):
    """The model did not answer with success; ``message`` is worded as a ``failureReason``."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


class ModelInvoker(Protocol):
    """Calls one model. Its methods may be called from several threads."""

    @property
    def where(self) -> str:
        """The endpoint or the address, for messages."""

    def invoke(self, body: bytes) -> bytes:
        """Return the answer to the rows in ``body``; bounded in time.

        Raises:
            InvocationFailedError: no success, by the one table of failure classes.
            TailraceError: nothing that another attempt or other rows could change.
        """

    def close(self) -> None:
        """Close the connections; requests under way end with an error."""
