"""What needs an operator: parked chunks by cause, dead letters, late jobs, alarms that ring."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from tailrace.console.snapshot import Alarm, QueueSize, Snapshot
from tailrace.console.views.progress import Progress, progress
from tailrace.operations.attention import Attention, Cause, group_by_cause
from tailrace.operations.parked import ParkedChunk, ParkedStatus
from tailrace_core.jobs.failures import FailureClass

PARKED_ENTRY = "chunks-are-parked"
_ENTRIES = {FailureClass.INFRASTRUCTURE: "the-endpoint-cannot-read-or-write", FailureClass.TRANSIENT: "the-model-fails"}
_KEY_CHARS = 16


@dataclass(frozen=True, slots=True)
class ParkedCause:
    """Parked chunks with alike reasons, and where the runbook speaks of them."""

    cause: Cause
    key: str
    """Names the cause in addresses."""
    entry: str
    """Anchor of the runbook's entry."""

    @property
    def since(self) -> float | None:
        """Time of the first parking."""
        times = [each.chunk.parked_at for each in self.cause.chunks if each.chunk is not None]
        return min((at for at in times if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class RingingAlarm:
    """An alarm, how urgent it is, and its entry of the runbook."""

    alarm: Alarm
    severity: str
    """``page`` or ``ticket``."""
    text: str
    entry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionView:
    """All that needs an operator."""

    causes: tuple[ParkedCause, ...]
    parked: int
    """Number of parked chunks."""
    parked_complete: bool
    dead_letters: tuple[QueueSize, ...]
    late: tuple[Progress, ...]
    in_danger: tuple[Progress, ...]
    alarms: tuple[RingingAlarm, ...]
    stale_messages: int
    """About how many messages of the parked queue belong to chunks that need nobody any more."""
    problems: Mapping[str, str]

    @property
    def nothing(self) -> bool:
        """True if nothing needs an operator."""
        return not (self.causes or self.dead_letters or self.late or self.in_danger or self.alarms)

    @property
    def count(self) -> int:
        """Number of things that need an operator, for the title of the page."""
        return len(self.causes) + len(self.dead_letters) + len(self.late) + len(self.alarms)


def attention(snapshot: Snapshot) -> AttentionView:
    """Return what needs an operator."""
    every = [progress(job, snapshot.samples.get(job.job_id, ()), snapshot.at) for job in snapshot.jobs]
    parked = waiting_for_operator(snapshot.parked)
    complete = snapshot.parked.complete
    return AttentionView(
        causes=tuple(
            ParkedCause(each, cause_key(each), entry_of(each.failure_class)) for each in group_by_cause(parked)
        ),
        parked=len(parked),
        parked_complete=complete,
        dead_letters=tuple(each for each in snapshot.queues.dead_letters if each.messages),
        late=tuple(each for each in every if each.late),
        in_danger=tuple(each for each in every if each.in_danger),
        alarms=tuple(sorted(map(ringing, snapshot.alarms), key=lambda each: (each.severity, each.alarm.name))),
        stale_messages=max(0, (snapshot.parked.messages or 0) - len(parked)) if complete else 0,
        problems=snapshot.problems,
    )


def waiting_for_operator(parked: Attention) -> tuple[ParkedChunk, ...]:
    """Return the parked chunks whose jobs still accept results."""
    return tuple(each for each in parked.chunks if each.status is ParkedStatus.PARKED)


def cause_key(cause: Cause) -> str:
    """Return a short name for a cause, whose own name may be long and hold anything."""
    return hashlib.sha256(cause.name.encode()).hexdigest()[:_KEY_CHARS]


def entry_of(failure: FailureClass) -> str:
    """Return the anchor of the runbook's entry on chunks that are parked for such a failure."""
    return _ENTRIES.get(failure, PARKED_ENTRY)


def ringing(alarm: Alarm) -> RingingAlarm:
    """Read an alarm's description: severity, sentence, and the address of its runbook entry."""
    severity, _, rest = alarm.description.partition(": ")
    text, _, address = rest.rpartition(" ")
    if severity not in {"page", "ticket"} or "#" not in address:
        return RingingAlarm(alarm, "ticket", alarm.description or alarm.name, "")
    return RingingAlarm(alarm, severity, text[:1].upper() + text[1:], address.rpartition("#")[2])
