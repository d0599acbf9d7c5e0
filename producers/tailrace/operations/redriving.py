"""Redriving and discarding of single parked chunks, or of all; a redrive may bring corrected rows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tailrace.operations.decisions import (
    NO_REASON,
    VISIBILITY_TIMEOUT_S,
    DecisionSender,
    RedriveResult,
    halving_refusal,
)
from tailrace.operations.parked import ParkedChunk, ParkedChunkId
from tailrace.operations.parked_queue import MAX_MESSAGES, SCAN_TIMEOUT_S, ParkedListing
from tailrace_core.errors import InputError
from tailrace_core.messages.events import RetryDue


@dataclass(frozen=True, slots=True)
class RedriveRun:
    """A run over many chunks, which yields each result as it is done."""

    chunks: Iterator[RedriveResult]
    complete: bool
    """False when the queue may hold more than was read: run again."""


class ParkedRedriver(DecisionSender):
    """Redrives and discards parked chunks of one stack."""

    def redrive(
        self,
        name: ParkedChunkId,
        *,
        force: bool = False,
        note: str | None = None,
        edit: bytes | None = None,
        clear: bool = True,
    ) -> RedriveResult:
        """Start a parked chunk's next attempt, with the corrected rows of ``edit`` if given.

        Without ``clear``, nothing is received from the parked queue: the chunk's message stays there,
        stale.

        Raises:
            InputError: the chunk is not parked (any more) or was redriven too often, or the
                corrected rows do not fit.
        """
        parked = self._parked.find(name)
        self._require(parked, force=force)
        replaced = None if edit is None else self._replace_input(parked, edit)
        self._send_retry(parked, note, replaced)
        return RedriveResult(parked, "redriven", replaced or "", self._delete_messages([parked]) if clear else 0)

    def redrive_all(
        self,
        job_id: str | None = None,
        *,
        force: bool = False,
        note: str | None = None,
        confirmed: bool = False,
        max_messages: int = MAX_MESSAGES,
        timeout_s: float = SCAN_TIMEOUT_S,
    ) -> RedriveRun:
        """Redrive all parked chunks, or all of a job; unless ``confirmed``, only report what would be done.

        Stale messages are deleted. With a job, chunks whose message was lost are found in the
        ledger and redriven too.
        """
        listing = self._parked.receive(
            max_messages=max_messages, timeout_s=timeout_s, visibility_timeout_s=VISIBILITY_TIMEOUT_S
        )
        act = functools.partial(self._redrive_one, force=force, note=note, confirmed=confirmed)
        return RedriveRun(self._each(listing, job_id, act), listing.complete)

    def halve(self, name: ParkedChunkId, *, note: str | None = None) -> RedriveResult:
        """Split a parked chunk in two and have both halves invoked.

        Raises:
            InputError: the chunk is not parked (any more), or only one row of it was sent.
        """
        parked = self._parked.find(name)
        self._require(parked, force=True)
        small = halving_refusal(parked)
        if small is not None:
            raise InputError(f"chunk {name.range.name} of job {name.job_id}: {small}")
        self._send_split(parked, note)
        return RedriveResult(parked, "halved", "", self._delete_messages([parked]))

    def hurry(self, name: ParkedChunkId) -> RedriveResult:
        """Make a chunk's queued attempt at once; its message becomes stale.

        Raises:
            InputError: no attempt of the chunk is queued.
        """
        parked = self._parked.find(name)
        if not parked.queued:
            raise InputError(f"chunk {name.range.name} of job {name.job_id} has no attempt that waits for its delay")
        return self._hurry(parked)

    def hurry_all(self, job_id: str, *, confirmed: bool = False) -> Iterator[RedriveResult]:
        """Make all queued attempts of a job at once; unless ``confirmed``, only report them."""
        for parked in self._parked.queued_of_job(job_id):
            yield self._hurry(parked) if confirmed else RedriveResult(parked, "hurried", "only shown")

    def discard(self, name: ParkedChunkId, reason: str = NO_REASON, *, clear: bool = True) -> RedriveResult:
        """Discard a parked chunk: its rows are rejected with the reason, moments later.

        Without ``clear``, nothing is received from the parked queue, as in `redrive`.

        Raises:
            InputError: the chunk is not parked (any more).
        """
        parked = self._parked.find(name)
        self._require(parked, force=True)
        self._send_discard(parked, reason)
        return RedriveResult(parked, "discarded", reason, self._delete_messages([parked]) if clear else 0)

    # -- inside

    def _hurry(self, parked: ParkedChunk) -> RedriveResult:
        chunk = parked.chunk
        if chunk is not None and chunk.retry is not None:
            # An attempt that was begun and not accepted is made itself; otherwise the next one is.
            message = RetryDue.of(
                chunk, attempt=chunk.attempt + chunk.invoked, tries=chunk.retry.tries, reason=chunk.reason or ""
            )
            self._retries.send(message.to_json())
        return RedriveResult(parked, "hurried", parked.status_text)

    def _each(
        self, listing: ParkedListing, job_id: str | None, act: Callable[[ParkedChunk], RedriveResult]
    ) -> Iterator[RedriveResult]:
        seen: set[str] = set()
        try:
            for parked in listing.chunks:
                if job_id in {None, parked.job_id}:
                    seen.add(parked.event_id)
                    yield act(parked)
            for parked in () if job_id is None else self._parked.of_job(job_id):
                if parked.event_id not in seen:
                    yield act(parked)
        finally:
            self._parked.release(listing)

    def _redrive_one(self, parked: ParkedChunk, *, force: bool, note: str | None, confirmed: bool) -> RedriveResult:
        if parked.status.stale:
            deleted = self._parked.delete_messages(parked) if confirmed else 0
            return RedriveResult(parked, "cleared", parked.status_text, deleted)
        refusal = parked.refusal(force=force)
        if refusal is not None:
            return RedriveResult(parked, "left", refusal)
        if not confirmed:
            return RedriveResult(parked, "redriven", "only shown")
        self._send_retry(parked, note, None)
        return RedriveResult(parked, "redriven", "", self._parked.delete_messages(parked))
