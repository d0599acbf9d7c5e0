"""The messages that carry out people's decisions about parked chunks, and what each replaces.

The effect comes first, then the message of the parked queue is deleted. After a crash in between,
that message is found again, and doing it once more changes nothing, because the message names
attempt and decision. The function behind the retries queue makes the chunk's next attempt; the
function behind the failed queue discards or splits. So there is one implementation of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tailrace.aws.queues import Queue
from tailrace.operations.corrections import corrected_input
from tailrace.operations.parked import ParkedChunk
from tailrace.operations.parked_queue import MAX_MESSAGES, SCAN_TIMEOUT_S, ParkedQueue
from tailrace_core.aws.calls import Call
from tailrace_core.errors import AccessDeniedError, InputError, NotFoundError
from tailrace_core.jobs.model import JobSettings
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import DiscardDue, RetryDue, SplitDue
from tailrace_core.objects import keys
from tailrace_core.objects.checksums import checksum

D = TypeVar("D", DiscardDue, SplitDue)
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
    """``redriven``, ``halved``, ``hurried`` (a queued attempt), ``discarded``, ``cleared`` (a stale message) or
    ``left``."""
    detail: str = ""
    messages_deleted: int = 0


class DecisionSender:
    """Sends decisions about the parked chunks of one stack."""

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

    def _send_discard(self, parked: ParkedChunk, reason: str) -> None:
        why = f"discarded: {reason[:_REASON_CHARS]}; parked for: {parked.reason[:_REASON_CHARS]}"
        self._failed.send(self._decision(DiscardDue, parked, why, reason).to_json())

    def _send_split(self, parked: ParkedChunk, note: str | None) -> None:
        why = f"redriven in halves{f': {note[:_REASON_CHARS]}' if note else ''}"
        why += f"; parked for: {parked.reason[:_REASON_CHARS]}"
        self._failed.send(self._decision(SplitDue, parked, why, note).to_json())

    def _decision(self, kind: type[D], parked: ParkedChunk, reason: str, note: str | None) -> D:
        return kind(
            job_id=parked.job_id,
            first_row=parked.range.first_row,
            rows=parked.range.rows,
            attempt=parked.attempt,
            reason=reason,
            requested_by=self._caller(),
            requested_at=self._now(),
            note=note[:_REASON_CHARS] if note else None,
        )

    def _delete_messages(self, chunks: Sequence[ParkedChunk]) -> int:
        """Find and delete the messages of chunks; leave those of later attempts that were parked meanwhile."""
        if not chunks:
            return 0
        attempts = {(each.job_id, each.range): each.attempt for each in chunks}
        listing = self._parked.receive(
            max_messages=MAX_MESSAGES, timeout_s=SCAN_TIMEOUT_S, visibility_timeout_s=VISIBILITY_TIMEOUT_S
        )
        mine = [each for each in listing.chunks if each.attempt <= attempts.get((each.job_id, each.range), 0)]
        try:
            return sum(self._parked.delete_messages(each) for each in mine)
        finally:
            self._parked.release(listing, but=mine)

    def _replace_input(self, parked: ParkedChunk, edit: bytes) -> str:
        """Replace the chunk's input by corrected rows; return a description for the ledger."""
        chunk, settings = parked.chunk, self._settings(parked.job_id)
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

    def _settings(self, job_id: str) -> JobSettings:
        settings = self._ledger.settings(job_id)
        if settings is None:
            raise InputError(f"the ledger does not know job {job_id} any more")
        return settings

    @staticmethod
    def _require(parked: ParkedChunk, *, force: bool) -> None:
        refusal = parked.refusal(force=force)
        if refusal is not None:
            raise InputError(f"chunk {parked.range.name} of job {parked.job_id}: {refusal}")


def halving_refusal(parked: ParkedChunk) -> str | None:
    """Return why a chunk cannot be split, as text; None when it can be."""
    rows = parked.range.rows if parked.chunk is None else parked.chunk.rows_sent
    if rows < 2:  # noqa: PLR2004 - two halves
        return "it has a single row, which cannot be split: redrive it, or discard it"
    if parked.job is not None and parked.job.split_budget < 1:
        return "the job's split budget is spent: redrive it whole, correct its rows, or discard it"
    return None
