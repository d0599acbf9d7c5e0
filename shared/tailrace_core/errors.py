"""Every error that Tailrace raises, as one tree.

TailraceError
├── InputError                 the caller's input is wrong: fix it and try again
│   ├── RecordError            a record of the input cannot be used (row, byte offset)
│   │   ├── RecordTooLargeError
│   │   └── UnclosedQuoteError
│   └── JobKeyError            a job key was used before, with other input or settings
├── ContractError              bytes that break a contract: no retry will fix them
│   ├── MessageError           a message that cannot be decoded (keeps the raw bytes)
│   └── AlignmentError         an output that does not hold one prediction for each row sent
├── PermanentError             no retry will succeed: record it
│   ├── NotFoundError          the resource does not exist (any more)
│   ├── AccessDeniedError      the caller's identity may not do this
│   └── ConditionFailedError   a conditional write lost: another writer was first
├── TransientError             a retry may succeed: let the queue deliver it again
│   ├── ConflictError          a concurrent write collided: retry at once, and more often
│   ├── ThrottledError         too fast, or no capacity: retry later, uncounted as an attempt
│   └── TimedOutError          a wait reached its bound; the awaited work goes on
└── ConfigurationError         the deployment or the environment is wrong: fail loudly at the start

The class answers one question: what should the queue (or the caller) do next? Attributes carry the
data.
"""

from __future__ import annotations

from typing import Any


class TailraceError(Exception):
    """Root of the tree; ``details`` holds the message's data for machines to read."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InputError(TailraceError):
    """The caller's input or usage is wrong; the message says where, what, and what to do."""


class RecordError(InputError):
    """A record of the input cannot be used; ``row`` is None where rows are not counted."""

    def __init__(self, message: str, *, row: int | None = None, offset: int | None = None, **details: Any) -> None:
        super().__init__(message, row=row, offset=offset, **details)
        self.row = row
        self.offset = offset


class RecordTooLargeError(RecordError):
    """A single record exceeds a limit in bytes."""


class UnclosedQuoteError(RecordError):
    """The input ends inside a quoted field."""


class JobKeyError(InputError):
    """The job key was used before, with other input or other settings."""


class ContractError(TailraceError):
    """Bytes that break a contract; redelivery changes nothing."""


class MessageError(ContractError):
    """A message that cannot be decoded; ``raw`` holds its bytes."""

    def __init__(self, message: str, *, raw: bytes, **details: Any) -> None:
        super().__init__(message, **details)
        self.raw = raw


class AlignmentError(ContractError):
    """An output that does not hold exactly one prediction for each row that was sent."""

    def __init__(
        self,
        message: str,
        *,
        sent: int,
        answered: int | None = None,
        opening: bytes = b"",
        disordered: bool = False,
    ) -> None:
        super().__init__(message, sent=sent, answered=answered)
        self.sent = sent
        self.answered = answered
        self.opening = opening
        """The answer's first bytes."""
        self.disordered = disordered
        """True if canaries showed that the predictions are not in the rows' order."""


class PermanentError(TailraceError):
    """The operation will not succeed, however often it is retried."""


class NotFoundError(PermanentError):
    """The object, queue, stack or endpoint does not exist."""


class AccessDeniedError(PermanentError):
    """The identity in use lacks the permission."""


class ConditionFailedError(PermanentError):
    """A conditional write lost: another writer was first.

    ``reasons`` holds one code for each item of a transaction.
    """

    def __init__(self, message: str, *, reasons: tuple[str, ...] = (), **details: Any) -> None:
        super().__init__(message, reasons=reasons, **details)
        self.reasons = reasons


class TransientError(TailraceError):
    """A retry may succeed; ``retry_after_s`` is the service's hint in seconds, if it gave one."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, **details: Any) -> None:
        super().__init__(message, retry_after_s=retry_after_s, **details)
        self.retry_after_s = retry_after_s


class ConflictError(TransientError):
    """A concurrent write of the same item collided; the condition was not evaluated."""


class ThrottledError(TransientError):
    """The service asks for a slower pace or has no capacity."""


class TimedOutError(TransientError):
    """A wait reached its bound; the awaited event may still come."""


class ConfigurationError(TailraceError):
    """The deployment or the environment is wrong; nothing at run time can fix it."""
