"""Every error that Tailrace raises, as one tree.

TailraceError
├── InputError                 what the caller gave is wrong: mend it and try again
│   ├── RecordError            a record of the input cannot be used (row, byte offset)
│   │   ├── RecordTooLargeError
│   │   └── UnclosedQuoteError
│   └── JobKeyError            a job key was used before, with another input or other settings
├── ContractError              bytes that break a contract: no retry will mend them
│   ├── MessageError           a message that cannot be decoded (keeps the raw bytes)
│   └── AlignmentError         an output that does not hold one prediction for each row sent
├── PermanentError             it will not work however often it is tried: record it
│   ├── NotFoundError          the thing is not there (any more)
│   ├── AccessDeniedError      the caller's identity may not do this
│   └── ConditionFailedError   somebody was first: a conditional write lost
├── TransientError             it may work later: let the queue deliver it again
│   ├── ConflictError          it collided with a concurrent write: again at once, more often than the others
│   ├── ThrottledError         too fast, or no capacity: later, and it does not count as an attempt
│   └── TimedOutError          a wait reached its bound; what was waited for goes on
└── ConfigurationError         the deployment or the environment is wrong: fail loudly at the start

The class answers one question: what should the queue (or the caller) do next? Attributes carry the data.
"""

from __future__ import annotations

from typing import Any


class TailraceError(Exception):
    """Root of the tree; ``details`` holds what a machine may want to read of the message."""

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
    """One record alone is over a limit in bytes."""


class UnclosedQuoteError(RecordError):
    """The input ends inside a quoted field."""


class JobKeyError(InputError):
    """The job key was used before, with another input or with other settings."""


class ContractError(TailraceError):
    """Bytes that break a contract; delivering them again changes nothing."""


class MessageError(ContractError):
    """A message that cannot be decoded; ``raw`` is what arrived."""

    def __init__(self, message: str, *, raw: bytes, **details: Any) -> None:
        super().__init__(message, **details)
        self.raw = raw


class AlignmentError(ContractError):
    """An output that does not hold exactly one prediction for each row that was sent."""

    def __init__(self, message: str, *, sent: int, answered: int | None = None) -> None:
        super().__init__(message, sent=sent, answered=answered)
        self.sent = sent
        self.answered = answered


class PermanentError(TailraceError):
    """It will not work however often it is tried."""


class NotFoundError(PermanentError):
    """The object, queue, stack or endpoint is not there."""


class AccessDeniedError(PermanentError):
    """The identity in use may not do this."""


class ConditionFailedError(PermanentError):
    """A conditional write lost: somebody was first. ``reasons`` has one code for each item of a transaction."""

    def __init__(self, message: str, *, reasons: tuple[str, ...] = (), **details: Any) -> None:
        super().__init__(message, reasons=reasons, **details)
        self.reasons = reasons


class TransientError(TailraceError):
    """It may work later; ``retry_after_s`` is a hint in seconds, when there is one."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, **details: Any) -> None:
        super().__init__(message, retry_after_s=retry_after_s, **details)
        self.retry_after_s = retry_after_s


class ConflictError(TransientError):
    """It collided with a concurrent write of the same item, and neither says what the outcome would have been."""


class ThrottledError(TransientError):
    """The service asks to slow down or has no capacity."""


class TimedOutError(TransientError):
    """A wait reached its bound; what was waited for may still come."""


class ConfigurationError(TailraceError):
    """The deployment or the environment is wrong; nothing can be done at run time."""
