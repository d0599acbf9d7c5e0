"""Reports of parked chunks and dead letters: text for people, JSON for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from tailrace.cli.printable import printable
from tailrace.cli.reports.columns import align
from tailrace.operations.attention import Cause
from tailrace.operations.dead_letters import DeadLetter, LetterCause
from tailrace.operations.decisions import RedriveResult
from tailrace.operations.parked import ParkedChunk
from tailrace.operations.parked_queue import ParkedDetails
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.history import HistoryEntry
from tailrace_core.jobs.reasons import cause_id, cause_of, lead

_SHORT = 80
_LINE = 160
_SHOWN = 10
"""Chunks of a cause that are shown to people."""


def short(text: str, limit: int = _SHORT) -> str:
    """Shorten a text to one line of ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _ago(at: float | None, now: float) -> str:
    if at is None:
        return "-"
    passed_s = max(0, round(now - at))
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if passed_s >= 2 * seconds:
            return f"{passed_s // seconds}{unit} ago"
    return f"{passed_s}s ago"


def fields(parked: ParkedChunk) -> dict[str, Any]:
    """Return a parked chunk as a JSON object."""
    event = parked.event
    return {
        "event_id": parked.event_id,
        "job_id": parked.job_id,
        "range": parked.range.name,
        "first_row": parked.range.first_row,
        "rows": parked.range.rows,
        "state": str(parked.status),
        "stale": parked.status.stale,
        "attempt": parked.attempt,
        "redrives": parked.redrives,
        "failure_class": str(classify(parked.reason) if event is None else event.failure_class),
        "cause": cause_id(cause_of(parked.reason)),
        "parked_at": None if parked.chunk is None else parked.chunk.parked_at,
        "reason": parked.reason,
        "advice": parked.advice,
    }


def grouped(causes: Sequence[Cause], now: float) -> str:
    """Format parked chunks for people, grouped by cause: what it is, what to do, which chunks."""
    blocks = [_block(each, now) for each in causes]
    return "\n\n".join(blocks) if blocks else "no chunk is parked"


def _block(cause: Cause, now: float) -> str:
    chunks = cause.chunks
    count, jobs = len(chunks), len(cause.job_ids)
    head = f"cause {cause_id(cause.name)}: {count} chunk{'s' * (count != 1)}, {cause.rows:,} rows"
    head += f", {jobs} job{'s' * (jobs != 1)}"
    more = [f"  … and {count - _SHOWN} more; --json lists all"] if count > _SHOWN else []
    shown = table(chunks[:_SHOWN], now).splitlines()
    lines = [head, f"  {printable(short(cause.example, _LINE))}", f"  {cause.advice}", *(f"  {each}" for each in shown)]
    return "\n".join([*lines, *more])


def table(chunks: Sequence[ParkedChunk], now: float) -> str:
    """Format parked chunks as columns of text."""
    rows = [("JOB", "RANGE", "ATTEMPT", "REDRIVES", "PARKED", "STATE", "REASON")]
    rows += [
        (
            each.job_id,
            each.range.name,
            str(each.attempt),
            str(each.redrives),
            _ago(None if each.chunk is None else each.chunk.parked_at, now),
            f"stale: {each.status_text}" if each.status.stale else each.status_text,
            short(lead(each.reason)),
        )
        for each in chunks
    ]
    return align(rows)


def detail_fields(details: ParkedDetails) -> dict[str, Any]:
    """Return the details of a chunk as a JSON object."""
    chunk, event = details.parked.chunk, details.parked.event
    return {
        **fields(details.parked),
        "endpoint": None if event is None else event.endpoint,
        "input_location": details.input_location,
        "output_location": None if chunk is None else chunk.output_location,
        "failure_location": None if chunk is None else chunk.failure_location,
        "history": [] if chunk is None else [history_fields(entry) for entry in chunk.history],
        "input_first_rows": details.first_rows,
        "failure": details.failure,
    }


def detail_text(details: ParkedDetails) -> str:
    """Format the details of a chunk for people."""
    values = detail_fields(details)
    values["reason"] = lead(details.parked.reason)
    del values["history"]
    chunk = details.parked.chunk
    history = [] if chunk is None else [history_text(entry) for entry in chunk.history]
    rows, failure = values.pop("input_first_rows"), values.pop("failure")
    shown = {name: value for name, value in values.items() if value is not None}
    width = max(map(len, shown)) + 1
    lines = [f"{name + ':':{width}} {printable(value)}" for name, value in shown.items()]
    lines += ["", "first rows of the input:", *_indented(rows, "the input object is missing, or may not be read")]
    lines += ["", "history:", *(f"  {printable(line)}" for line in history)] if history else []
    if failure is not None:
        lines += ["", "the failure object says:", *_indented(failure, "")]
    return "\n".join(lines)


def history_fields(entry: HistoryEntry) -> dict[str, Any]:
    """Return an entry of a history as a JSON object."""
    return {name: value for name, value in asdict(entry).items() if value is not None}


def history_text(entry: HistoryEntry) -> str:
    """Format an entry of a history in one line."""
    at = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    attempt = "" if entry.attempt is None else f" (attempt {entry.attempt})"
    who = f" by {entry.who}" if entry.who else ""
    said = [text for text in (entry.note, entry.failure and short(lead(entry.failure), _LINE)) if text]
    return f"{at} {entry.what}{attempt}{who}{': ' if said else ''}{'; '.join(said)}"


def result_fields(done: RedriveResult, *, confirmed: bool) -> dict[str, Any]:
    """Return the result for a chunk as a JSON object."""
    return {
        "job_id": done.parked.job_id,
        "range": done.parked.range.name,
        "action": done.action,
        "done": confirmed and done.action != "left",
        "detail": done.detail,
        "messages_deleted": done.messages_deleted,
    }


def result_text(done: RedriveResult, *, confirmed: bool) -> str:
    """Format the result for a chunk in one line."""
    verb = done.action if confirmed or done.action == "left" else f"would be {done.action}"
    detail = f": {printable(done.detail)}" if done.detail else ""
    return f"{done.parked.job_id} {done.parked.range.name} {verb}{detail}"


def letter_fields(letter: DeadLetter) -> dict[str, Any]:
    """Return a dead letter as a JSON object."""
    return {
        "message_id": letter.message.message_id,
        "sent_at": letter.message.sent_at,
        "receives": letter.message.receives,
        "about": letter.about,
        "fault": letter.fault,
        "attributes": {name: each.get("StringValue") for name, each in letter.message.attributes.items()},
        "body": letter.message.body,
    }


def cause_fields(group: LetterCause) -> dict[str, Any]:
    """Return a cause of dead letters as a JSON object."""
    about = [each.about for each in group.letters]
    return {
        "cause": group.cause,
        "cause_id": cause_id(group.cause),
        "letters": len(about),
        "about": about,
        "example": group.letters[0].message.body,
    }


def cause_text(group: LetterCause) -> str:
    """Format a cause of dead letters for people, with its first letter."""
    name = f"{printable(group.cause)}  (cause {cause_id(group.cause)})"
    return f"{len(group.letters):>4}  {name}\n{letter_text(group.letters[0])}"


def letter_text(letter: DeadLetter) -> str:
    """Format a dead letter for people."""
    why = letter.fault or "readable: its consumer failed on it, or could not be reached; see the function's log"
    lines = (f"{letter.message.message_id}  {letter.about or 'unreadable'}", f"  {why}", f"  {letter.message.body}")
    return "\n".join(map(printable, lines))


def _indented(text: str | None, missing: str) -> list[str]:
    return [f"  {printable(line)}" for line in (missing if text is None else text).splitlines()]
