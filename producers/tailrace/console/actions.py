"""What an operator may do from a page: redrive, discard, correct rows, cancel a job.

Each act goes through `tailrace.operations` with the operator's credentials. None receives from the
parked queue: the message of a redriven chunk stays there, stale, until a command clears it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tailrace.operations.facade import Operations
from tailrace.operations.parked import ParkedChunkId
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import Chunk, Job
from tailrace_core.jobs.ranges import RowRange


class ConsoleClient(Protocol):
    """What the console needs of a client."""

    @property
    def operations(self) -> Operations:
        """The operators' methods."""

    def cancel(self, job_id: str, reason: str = ...) -> Job:
        """Close a job that is under way, and return it as it is then."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome for one chunk or job."""

    job_id: str
    range: RowRange | None = None
    refusal: str | None = None
    """Why nothing was done; None if it was done."""


class Actions:
    """Acts on one stack."""

    def __init__(self, client: ConsoleClient) -> None:
        self._client = client

    def redrive(self, chunks: Sequence[Chunk], note: str, *, force: bool) -> list[Outcome]:
        """Redrive parked chunks; one that needs nobody any more is left as it is."""
        redriving = self._client.operations.redriving
        return _each(chunks, lambda name: redriving.redrive(name, note=note or None, force=force, clear=False))

    def discard(self, chunks: Sequence[Chunk], reason: str) -> list[Outcome]:
        """Reject the rows of parked chunks; one that needs nobody any more is left as it is."""
        redriving = self._client.operations.redriving
        return _each(chunks, lambda name: redriving.discard(name, reason, clear=False))

    def edit(self, chunk: Chunk, rows: bytes, note: str, *, force: bool) -> list[Outcome]:
        """Redrive a parked chunk with corrected rows.

        Raises:
            InputError: the rows do not fit, or the chunk needs nobody any more.
        """
        name = ParkedChunkId(chunk.job_id, chunk.range)
        self._client.operations.redriving.redrive(name, note=note or None, force=force, edit=rows, clear=False)
        return [Outcome(chunk.job_id, chunk.range)]

    def cancel(self, job_id: str, reason: str) -> list[Outcome]:
        """Cancel a job."""
        self._client.cancel(job_id, reason)
        return [Outcome(job_id)]


def _each(chunks: Sequence[Chunk], act: Callable[[ParkedChunkId], object]) -> list[Outcome]:
    found = []
    for chunk in chunks:
        refusal = None
        try:
            act(ParkedChunkId(chunk.job_id, chunk.range))
        except InputError as exc:
            refusal = exc.message
        found.append(Outcome(chunk.job_id, chunk.range, refusal))
    return found
