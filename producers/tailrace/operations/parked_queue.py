"""The parked queue: lists parked chunks from the queue or from a job's ledger items, and shows one in detail."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tailrace.aws.queues import Queue, ReceivedMessage, release, scan
from tailrace.operations.corrections import sent_rows
from tailrace.operations.parked import ParkedChunk, ParkedChunkId, ledger_entry, parked_status
from tailrace_core.aws.calls import Call
from tailrace_core.csv_text.rejects import read_rejects
from tailrace_core.errors import AccessDeniedError, ContractError, InputError, MessageError, NotFoundError
from tailrace_core.jobs.model import Chunk, Job
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.events import ChunkParked, decode
from tailrace_core.objects import keys
from tailrace_core.objects.locations import parse_trusted

MAX_MESSAGES = 1_000
SCAN_TIMEOUT_S = 20.0
VISIBILITY_TIMEOUT_S = 60
"""Visibility timeout of messages that are listed, if the reader dies; otherwise they are released
at once."""
SHOWN_BYTES = 16 * 1024
_SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True)
class ParkedListing:
    """Parked chunks that were found."""

    chunks: tuple[ParkedChunk, ...]
    unreadable: tuple[ReceivedMessage, ...] = ()
    """Messages of the queue that are not `ChunkParked` events."""
    complete: bool = True
    """False when there may be more in the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedDetails:
    """Details of one parked chunk; a text is None when its object is missing."""

    parked: ParkedChunk
    input_location: str
    first_rows: str | None
    failure: str | None
    """Text of the failure object, up to `SHOWN_BYTES`."""


class ParkedQueue:
    """The parked queue of one stack, together with its ledger."""

    def __init__(
        self,
        *,
        queue: Queue,
        ledger: Ledger,
        bucket: str,
        read: Callable[[Call], bytes],
        now: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._bucket = bucket
        self._read = read
        self._now = now

    def list(
        self, job_id: str | None = None, *, max_messages: int = MAX_MESSAGES, timeout_s: float = SCAN_TIMEOUT_S
    ) -> ParkedListing:
        """List parked chunks: a job's from the ledger, else those in the queue within bounds; release all messages."""
        if job_id is not None:
            return ParkedListing(tuple(self.of_job(job_id)))
        listing = self.receive(
            max_messages=max_messages, timeout_s=timeout_s, visibility_timeout_s=VISIBILITY_TIMEOUT_S
        )
        self.release(listing)
        return listing

    def of_job(self, job_id: str) -> Iterable[ParkedChunk]:
        """Yield the parked chunks of a job, from the ledger.

        Raises:
            InputError: there is no such job.
        """
        job = self._ledger.job(job_id)
        if job is None:
            raise InputError(f"there is no job {job_id}; list jobs with `tailrace jobs`")
        for chunk in self._ledger.chunks(job_id):
            if chunk.parked:
                yield self._of_chunk(job, chunk)

    def queued_of_job(self, job_id: str) -> Iterable[ParkedChunk]:
        """Yield the chunks of a job whose next attempt waits for its delay, from the ledger.

        Raises:
            InputError: there is no such job.
        """
        job = self._ledger.job(job_id)
        if job is None:
            raise InputError(f"there is no job {job_id}; list jobs with `tailrace jobs`")
        for chunk in self._ledger.chunks(job_id):
            parked = self._of_chunk(job, chunk)
            if parked.queued:
                yield parked

    def receive(self, *, max_messages: int, timeout_s: float, visibility_timeout_s: int) -> ParkedListing:
        """Receive messages and hide them for ``visibility_timeout_s``; the caller releases or deletes them."""
        found = scan(
            self._queue,
            max_messages=max_messages,
            timeout_s=timeout_s,
            visibility_timeout_s=visibility_timeout_s,
            now=self._now,
        )
        events: dict[str, tuple[ChunkParked, list[ReceivedMessage]]] = {}
        unreadable: list[ReceivedMessage] = []
        for message in found.messages:
            try:
                event = decode(ChunkParked, message.body)
            except MessageError:
                unreadable.append(message)
            else:
                events.setdefault(event.event_id, (event, []))[1].append(message)
        chunks = [self._of_event(event, copies) for event, copies in events.values()]
        chunks.sort(key=lambda each: (each.job_id, each.range, each.attempt))
        return ParkedListing(tuple(chunks), tuple(unreadable), found.complete)

    def release(self, listing: ParkedListing, but: Iterable[ParkedChunk] = ()) -> None:
        """Release the messages of a listing, except those of ``but``."""
        kept = {message.message_id for each in but for message in each.messages}
        held = [message for each in listing.chunks for message in each.messages] + list(listing.unreadable)
        release(self._queue, [each for each in held if each.message_id not in kept])

    def delete_messages(self, parked: ParkedChunk) -> int:
        """Delete the chunk's messages; return how many."""
        for message in parked.messages:
            self._queue.delete(message)
        return len(parked.messages)

    def find(self, name: ParkedChunkId) -> ParkedChunk:
        """Find one chunk in the ledger.

        Raises:
            InputError: the ledger has no such chunk.
        """
        job = self._ledger.job(name.job_id)
        chunk = self._ledger.chunk(name.job_id, name.range)
        if job is None or chunk is None:
            raise InputError(
                f"there is no chunk {name.range.name} of job {name.job_id}: `tailrace parked list` shows what is parked"
            )
        return self._of_chunk(job, chunk)

    def details(self, name: ParkedChunkId) -> ParkedDetails:
        """Collect the details of a chunk: from the ledger, its message if the queue holds one, and the bucket.

        Raises:
            InputError: the ledger has no such chunk.
        """
        parked = self.find(name)
        events = [
            each.event
            for each in self.list().chunks
            if (each.job_id, each.range) == (name.job_id, name.range) and each.attempt == parked.attempt
        ]
        parked = dataclasses.replace(parked, event=events[0] if events else None)
        key = keys.input_key(parked.job_id, parked.range)
        body = self._text(key)
        rows = None if body is None else "\n".join(body.splitlines()[:_SHOWN_ROWS])
        return ParkedDetails(
            parked=parked,
            input_location=f"s3://{self._bucket}/{key}",
            first_rows=rows,
            failure=self._failure(parked),
        )

    def rejected_rows(self, parked: ParkedChunk) -> Sequence[int]:
        """Return the numbers of the chunk's rows that were rejected before sending."""
        if parked.chunk is None or not parked.chunk.rejected:
            return []
        key = keys.rejects_key(parked.job_id, parked.range)
        body = self._read(Call("s3", "get_object", {"Bucket": self._bucket, "Key": key}))
        return [each.row for each in read_rejects(body)]

    def input(self, parked: ParkedChunk) -> bytes:
        """Read the rows of the chunk's input object, as sent but without the copies of canaries.

        Raises:
            NotFoundError: the object is missing.
        """
        key = keys.input_key(parked.job_id, parked.range)
        body = self._read(Call("s3", "get_object", {"Bucket": self._bucket, "Key": key}))
        settings = self._ledger.settings(parked.job_id)
        return body if parked.chunk is None or settings is None else sent_rows(body, parked.chunk, settings)

    def _of_event(self, event: ChunkParked, copies: Iterable[ReceivedMessage]) -> ParkedChunk:
        rows = RowRange(event.first_row, event.rows)
        job, chunk = self._ledger.job(event.job_id), self._ledger.chunk(event.job_id, rows)
        return ParkedChunk(
            job_id=event.job_id,
            range=rows,
            status=parked_status(job, chunk, event.attempt, self._now()),
            event=event,
            chunk=chunk,
            job=job,
            messages=tuple(copies),
        )

    def _of_chunk(self, job: Job, chunk: Chunk) -> ParkedChunk:
        return ledger_entry(job, chunk, self._now())

    def _failure(self, parked: ParkedChunk) -> str | None:
        location = parked.event.failure_location if parked.event is not None else None
        location = location or (parked.chunk.failure_location if parked.chunk is not None else None)
        if location is None:
            return None
        try:
            return self._text(parse_trusted(location, bucket=self._bucket, prefix=keys.FAILURES).key)
        except ContractError:
            return None

    def _text(self, key: str) -> str | None:
        params = {"Bucket": self._bucket, "Key": key, "Range": f"bytes=0-{SHOWN_BYTES - 1}"}
        try:
            return self._read(Call("s3", "get_object", params)).decode(errors="replace")
        except (NotFoundError, AccessDeniedError):
            # S3 answers 403 for a missing object to an identity that may not list the bucket.
            return None
