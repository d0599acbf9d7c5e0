"""The notes in which the ledger keeps a job's rounds.

A note is written once. The first note that closes a round decides what became of it: who joins
later joins the next round. The other notes only save work: that somebody asked for a round, and
that the answers of a round were reported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from tailrace_core.jobs.ranges import RowRange


@dataclass(frozen=True, slots=True)
class ClosedRound:
    """A round that nothing joins any more.

    Args:
        number: Its number, from 0.
        at: Time at which it was closed, in seconds since the epoch.
        engine: The engine of the endpoint that scores this round and all that follow, as its value;
            None for a transform job.
    """

    number: int
    at: float
    engine: str | None = None

    def to_json(self) -> str:
        """Serialize the note."""
        return json.dumps({"at": self.at, **({} if self.engine is None else {"engine": self.engine})})

    @classmethod
    def from_json(cls, number: int, text: str) -> ClosedRound:
        """Read the note of a round."""
        stored = json.loads(text)
        return cls(number, float(stored["at"]), stored.get("engine"))


def closed_note(number: int) -> str:
    """Return the name of the note that closes a round."""
    return f"round#{number}"


def asked_note(number: int) -> str:
    """Return the name of the note that somebody has asked for the start of a round."""
    return f"round#{number}#asked"


def reported_note(number: int) -> str:
    """Return the name of the note that the answers of a round were reported."""
    return f"round#{number}#reported"


def control_note(number: int) -> str:
    """Return the name of the note with the control that is to run with a round."""
    return f"round#{number}#control"


def control_text(rows: RowRange, attempt: int) -> str:
    """Return the text of a control's note."""
    return f"{rows.name}.{attempt}"


def parse_control(text: str) -> tuple[RowRange, int]:
    """Return the range and the attempt of a control."""
    name, _, attempt = text.rpartition(".")
    return RowRange.parse(name), int(attempt)
