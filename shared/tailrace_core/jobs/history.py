"""The history of a chunk or a job: its failures and people's decisions, as far as there is room.

An entry is written together with the change of state that it records, so that it costs no call.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

MAX_ENTRIES = 20
"""Most entries of one history; when it is full, its oldest but the first makes room."""
MAX_NOTE_CHARS = 200
MAX_FAILURE_CHARS = 300
MAX_WHO_CHARS = 256


class HistoryEvent(StrEnum):
    """What an entry records. A job's early end is recorded by the name of its final state."""

    FAILED = "failed"
    """An attempt failed and another one follows."""
    PARKED = "parked"
    """An attempt failed and the chunk waits for an operator."""
    SPLIT = "split"
    """An attempt failed and the chunk was split."""
    REJECTED = "rejected"
    """An attempt failed and the chunk's rows were rejected."""
    REDRIVEN = "redriven"
    """A person asked for the next attempt."""
    HALVED = "redriven in halves"
    """A person had the chunk split, and its halves invoked."""
    DISCARDED = "discarded"
    """A person gave the chunk up."""
    REDRIVE_LATE = "redrive came late"
    """A person asked for an attempt that another caller had made, or the chunk was settled."""
    DISCARD_LATE = "discard came late"
    """A person gave up a chunk that was settled or redriven before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """A failure, or an act of a person."""

    at: float
    """Seconds since the epoch: of a person's act, when the person asked for it."""
    what: str
    """One of `HistoryEvent`, or the final state of a job that ended early."""
    attempt: int | None = None
    """The chunk's attempt: the one that failed, or the one that a person asked for."""
    who: str | None = None
    """ARN of the person, as the sender of the request stated it; None for the pipeline."""
    note: str | None = None
    """The person's note or reason."""
    failure: str | None = None
    """Reason of the failure."""

    def to_text(self) -> str:
        """Return the entry as JSON, its texts shortened."""
        limits = {"who": MAX_WHO_CHARS, "note": MAX_NOTE_CHARS, "failure": MAX_FAILURE_CHARS}
        known = {name: value for name, value in asdict(self).items() if value is not None}
        short = {name: _short(value, limits[name]) if name in limits else value for name, value in known.items()}
        return json.dumps(short, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> HistoryEntry:
        """Read an entry as `to_text` writes it; a field that a newer version adds is ignored."""
        known = json.loads(text)
        return cls(**{name: known[name] for name in cls.__slots__ if name in known})

    @property
    def act(self) -> tuple[float, str | None, int | None]:
        """Identity of a person's act: a repeated message is the same act."""
        return self.at, self.who, self.attempt


History = tuple[HistoryEntry, ...]
"""The entries of one chunk or job, in the order of their writing."""


def extended(history: History, entry: HistoryEntry | None) -> History:
    """Return the history with ``entry``, within `MAX_ENTRIES`, as a ledger keeps it."""
    if entry is None:
        return history
    added = (*history, HistoryEntry.from_text(entry.to_text()))
    return added if len(added) <= MAX_ENTRIES else (added[0], *added[len(added) - MAX_ENTRIES + 1 :])


def failed_before(history: History, attempt: int) -> bool:
    """Return whether the failure of this attempt is recorded: notifications may be repeated."""
    return any(entry.attempt == attempt and entry.failure is not None for entry in history)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
