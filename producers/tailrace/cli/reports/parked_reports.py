"""Reports of parked chunks and dead letters: text for people, JSON for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailrace.cli.printable import printable
from tailrace.cli.reports.columns import align
from tailrace.operations.dead_letters import DeadLetter
from tailrace.operations.parked import ParkedChunk
from tailrace.operations.parked_queue import ParkedDetails
from tailrace.operations.redriving import RedriveResult

_SHORT = 80


def short(text: str) -> str:
    """Shorten a text to one line of 80 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else line[: _SHORT - 1] + "…"


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
        "failure_class": None if event is None else str(event.failure_class),
        "reason": parked.reason,
        "advice": parked.advice,
    }


def table(chunks: Sequence[ParkedChunk]) -> str:
    """Format parked chunks as columns of text."""
    rows = [("JOB", "RANGE", "ATTEMPT", "REDRIVES", "STATE", "REASON")]
    rows += [
        (
            each.job_id,
            each.range.name,
            str(each.attempt),
            str(each.redrives),
            f"stale: {each.status_text}" if each.status.stale else each.status_text,
            short(each.reason),
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
        "input_first_rows": details.first_rows,
        "failure": details.failure,
    }


def detail_text(details: ParkedDetails) -> str:
    """Format the details of a chunk for people."""
    values = detail_fields(details)
    rows, failure = values.pop("input_first_rows"), values.pop("failure")
    shown = {name: value for name, value in values.items() if value is not None}
    width = max(map(len, shown)) + 1
    lines = [f"{name + ':':{width}} {printable(value)}" for name, value in shown.items()]
    lines += ["", "first rows of the input:", *_indented(rows, "the input object is missing, or may not be read")]
    if failure is not None:
        lines += ["", "the failure object says:", *_indented(failure, "")]
    return "\n".join(lines)


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


def letter_text(letter: DeadLetter) -> str:
    """Format a dead letter for people."""
    why = letter.fault or "readable: its consumer failed on it, or could not be reached; see the function's log"
    lines = (f"{letter.message.message_id}  {letter.about or 'unreadable'}", f"  {why}", f"  {letter.message.body}")
    return "\n".join(map(printable, lines))


def _indented(text: str | None, missing: str) -> list[str]:
    return [f"  {printable(line)}" for line in (missing if text is None else text).splitlines()]
