"""Progress reports of a submit, a wait and a download, and their display.

The modules beside show them to people: a live line on a terminal, a bar in a notebook, plain lines
elsewhere. May import rich where it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tailrace.progress.cutting import Cutting
    from tailrace_core.jobs.model import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a submit: rows and stored bytes read from the source, chunks planned, sent and skipped."""

    job_id: str
    rows_read: int = 0
    bytes_read: int = 0
    bytes_total: int | None = None
    chunks_planned: int = 0
    chunks_sent: int = 0
    chunks_skipped: int = 0
    """Chunks that an earlier submit has sent already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringProgress(Progress):
    """Progress of `tailrace.score`: rows settled so far, and those of them that were rejected.

    ``rows_read`` are the rows settled; the bytes are read ahead of them.
    """

    rows_rejected: int = 0


class OpenChunks(Protocol):
    """Open chunks of a job, see `tailrace.OpenWork`."""

    @property
    def retrying_count(self) -> int:
        """Chunks at their second or a later attempt since the last redrive."""
        ...


@dataclass(frozen=True, slots=True)
class JobProgress:
    """Progress of a wait."""

    job: Job
    work: OpenChunks | None = field(default=None, kw_only=True)
    """The `tailrace.OpenWork` of the job, up to ten seconds old: how many chunks are being retried.
    None in the first ten seconds of a wait, and when no chunk is in flight."""


@dataclass(frozen=True, slots=True)
class CuttingProgress(JobProgress):
    """Progress of a remote job while the stack's functions cut its input."""

    cutting: Cutting


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadProgress:
    """Progress of a download, in rows and bytes written."""

    job_id: str
    rows: int
    rows_total: int
    size_bytes: int


OnProgress = Callable[[Progress | JobProgress | DownloadProgress], None]
ShowProgress = OnProgress | bool | None
"""A callback that gets the progress; True to show it, False for none. None shows it where a person
sees it: on a terminal, and in a notebook."""


def silent(_: Progress | JobProgress | DownloadProgress) -> None:
    """Report nothing."""
