"""Options of the commands ``tailrace parked``: which chunks, and whether to act on them."""

from __future__ import annotations

from typing import Annotated

import typer

from tailrace.cli.quantities import moment_s
from tailrace.operations.selections import Selection

Words = Annotated[
    list[str], typer.Argument(metavar="JOB RANGE", help="Id of a job and range of rows, or id of an event.")
]
SomeWords = Annotated[
    list[str] | None, typer.Argument(metavar="[JOB RANGE]", help="Id of a job and range of rows, or id of an event.")
]
Job = Annotated[
    str | None, typer.Option("--job", metavar="JOB", help="Only chunks of this job; read from the ledger too.")
]
CauseText = Annotated[
    str | None,
    typer.Option("--cause", metavar="TEXT", help="Only chunks of this cause: its id, or text of the reason."),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Only chunks parked since: 2h ago, or 2026-11-28T09:00.")
]
Before = Annotated[
    str | None, typer.Option("--before", metavar="TIME", help="Only chunks parked before: 2h ago, or 2026-11-28T09:00.")
]
Most = Annotated[int, typer.Option("--max", min=1, metavar="N", help="Maximum number of messages to read.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without this, only show what would be done.")]

INCOMPLETE = "tailrace: the queue may hold more than was read, or another reader holds messages: run this again"
"""Message of a listing of the queue that may lack something."""


def selection(job: str | None, cause: str | None, since: str | None, before: str | None, now: float) -> Selection:
    """Return the selection that the options name; times are relative to ``now``."""
    return Selection(
        job_id=job,
        cause=cause,
        since=None if since is None else moment_s(since, now),
        before=None if before is None else moment_s(before, now),
    )
