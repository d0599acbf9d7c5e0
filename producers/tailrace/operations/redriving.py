"""Redriving and discarding of parked chunks; a redrive may replace the rows with corrected ones.

The effect comes first, then the message is deleted. After a crash in between, the message is found
again, and doing it once more changes nothing, because the message names attempt and decision. The
function behind the retries queue makes the chunk's next attempt; the function behind the failed
queue discards. So there is one implementation of each.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tailrace.aws.queues import Queue
from tailrace.operations.corrections import corrected_input
from tailrace.operations.parked import ParkedChunk, ParkedChunkId
from tailrace.operations.parked_queue import MAX_MESSAGES, SCAN_TIMEOUT_S, ParkedListing, ParkedQueue
from tailrace_core.aws.calls import Call
from tailrace_core.errors import AccessDeniedError, InputError, NotFoundError
from tailrace_core.jobs.model import JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import DiscardDue, RetryDue
from tailrace_core.objects import keys
from tailrace_core.objects.checksums import checksum

VISIBILITY_TIMEOUT_S = 600
"""Visibility timeout while chunks are redriven; messages are released or deleted long before it
ends."""
NO_REASON = "given up by a person"
_REASON_CHARS = 500


@dataclass(frozen=True, slots=True)
class RedriveResult:
    """Outcome for one parked chunk, done or only planned."""

    parked: ParkedChunk
    action: str
    """``redriven``, ``hurried`` (a queued attempt), ``discarded``, ``cleared`` (a stale message) or
    ``left``."""
    detail: str = ""
    messages_deleted: int = 0


@dataclass(frozen=True, slots=True)
class RedriveRun:
    """A run over many chunks, which yields each result as it is done."""

    chunks: Iterator[RedriveResult]
    complete: bool
    """False when the queue may hold more than was read: run again."""


class ParkedRedriver:
    """Redrives and discards parked chunks of one stack."""

    def __init__(
        self,
        *,
        parked: ParkedQueue,
        retries: Queue,
        failed: Queue,
        ledger: Ledger,
        bucket: str,
        execute: Callable[[Call], Any],
        caller: Callable[[], str | None],
        now: Callable[[], float],
    ) -> None:
        self._parked = parked
        self._retries = retries
        self._failed = failed
        self._ledger = ledger
        self._bucket = bucket
        self._execute = execute
        self._caller = caller
        self._now = now

    def redrive(
        self, name: ParkedChunkId, *, force: bool = False, note: str | None = None, edit: bytes | None = None
    ) -> RedriveResult:
        """Start a parked chunk's next attempt, with the corrected rows of ``edit`` if given.

        Raises:
            InputError: the chunk is not parked (any more) or was redriven too often, or the
                corrected rows do not fit.
        """
        parked = self._parked.find(name)
        self._require(parked, force=force)
        replaced = None if edit is None else self._replace_input(parked, edit)
        self._send_retry(parked, note, replaced)
        return RedriveResult(parked, "redriven", replaced or "", self._delete_messages(parked))

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

    def discard(self, name: ParkedChunkId, reason: str = NO_REASON) -> RedriveResult:
        """Discard a parked chunk: its rows are rejected with the reason, moments later.

        Raises:
            InputError: the chunk is not parked (any more).
        """
        parked = self._parked.find(name)
        self._require(parked, force=True)
        message = DiscardDue(
            job_id=parked.job_id,
            first_row=parked.range.first_row,
            rows=parked.range.rows,
            attempt=parked.attempt,
            reason=f"discarded: {reason[:_REASON_CHARS]}; parked for: {parked.reason[:_REASON_CHARS]}",
            requested_by=self._caller(),
            requested_at=self._now(),
            note=reason[:_REASON_CHARS],
        )
        self._failed.send(message.to_json())
        return RedriveResult(parked, "discarded", reason, self._delete_messages(parked))

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

    def _send_retry(self, parked: ParkedChunk, note: str | None, replaced: str | None) -> None:
        count = parked.redrives + 1
        what = "; ".join(part for part in (note, replaced) if part)
        reason = f"redriven ({count}){f': {what}' if what else ''}; parked for: {parked.reason}"
        message = RetryDue(
            job_id=parked.job_id,
            first_row=parked.range.first_row,
            rows=parked.range.rows,
            attempt=parked.attempt + 1,
            tries=1,
            redrives=count,
            reason=reason[: 2 * _REASON_CHARS],
            requested_by=self._caller(),
            requested_at=self._now(),
            note=what[:_REASON_CHARS] or None,
        )
        self._retries.send(message.to_json())

    def _delete_messages(self, parked: ParkedChunk) -> int:
        """Find and delete the chunk's messages; leave the message of a later attempt that was parked meanwhile."""
        listing = self._parked.receive(
            max_messages=MAX_MESSAGES, timeout_s=SCAN_TIMEOUT_S, visibility_timeout_s=VISIBILITY_TIMEOUT_S
        )
        mine = [
            each
            for each in listing.chunks
            if (each.job_id, each.range) == (parked.job_id, parked.range) and each.attempt <= parked.attempt
        ]
        try:
            return sum(self._parked.delete_messages(each) for each in mine)
        finally:
            self._parked.release(listing, but=mine)

    def _replace_input(self, parked: ParkedChunk, edit: bytes) -> str:
        """Replace the chunk's input by corrected rows; return a description for the ledger."""
        chunk, settings = parked.chunk, self._settings(parked)
        if chunk is None:
            raise InputError(f"the ledger does not know chunk {parked.range.name} of job {parked.job_id} any more")
        body = corrected_input(edit, chunk, settings)
        key = keys.input_key(parked.job_id, parked.range)
        before = self._version(key)
        params = {"Bucket": self._bucket, "Key": key, "Body": body, "ContentType": settings.content_type}
        self._execute(Call("s3", "put_object", params))
        return f"input replaced by {checksum(body)} ({before})"

    def _version(self, key: str) -> str:
        try:
            found = self._execute(Call("s3", "head_object", {"Bucket": self._bucket, "Key": key}))
        except NotFoundError:
            return "there was none"
        except AccessDeniedError:
            # S3 answers 403 for a missing object to an identity that may not list the bucket.
            return "there was none, or it may not be read"
        version = found.get("VersionId")
        return "the former one is not kept" if version is None else f"the former one is version {version}"

    def _settings(self, parked: ParkedChunk) -> JobSettings:
        settings = self._ledger.settings(parked.job_id)
        if settings is None:
            raise InputError(f"the ledger does not know job {parked.job_id} any more")
        return settings

    @staticmethod
    def _require(parked: ParkedChunk, *, force: bool) -> None:
        refusal = parked.refusal(force=force)
        if refusal is not None:
            raise InputError(f"chunk {parked.range.name} of job {parked.job_id}: {refusal}")
