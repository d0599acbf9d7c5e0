"""What is parked: read from the queue, or from one job's chunks in the ledger; and all there is about one chunk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tailrace.aws.queues import Queue, ReceivedMessage, release, scan
from tailrace.operations.parked import ParkedChunk, ParkedChunkId, ParkedStatus, parked_status
from tailrace_core.aws.calls import Call
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
"""How long messages stay hidden if whoever looks at them dies; otherwise they are given back at once."""
SHOWN_BYTES = 16 * 1024
_SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True)
class ParkedListing:
    """What was found."""

    chunks: tuple[ParkedChunk, ...]
    unreadable: tuple[ReceivedMessage, ...] = ()
    """Messages of the queue that are no `ChunkParked`."""
    complete: bool = True
    """False when there may be more in the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedDetails:
    """All there is about one parked chunk; texts are None where the object is missing."""

    parked: ParkedChunk
    input_location: str
    first_rows: str | None
    failure: str | None
    """What stands in the failure object, up to `SHOWN_BYTES`."""


class ParkedQueue:
    """The parked queue beside the ledger, for one stack."""

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
        """What is parked: of one job by the ledger, else what the queue holds, within bounds; nothing is kept."""
        if job_id is not None:
            return ParkedListing(tuple(self.of_job(job_id)))
        listing = self.hold(max_messages=max_messages, timeout_s=timeout_s, visibility_timeout_s=VISIBILITY_TIMEOUT_S)
        self.release(listing)
        return listing

    def of_job(self, job_id: str) -> Iterable[ParkedChunk]:
        """The chunks of a job that need a person, by the ledger.

        Raises:
            InputError: there is no such job.
        """
        job = self._ledger.job(job_id)
        if job is None:
            raise InputError(f"there is no job {job_id}; list jobs with `tailrace jobs`")
        for chunk in self._ledger.chunks(job_id):
            if chunk.parked:
                yield self._of_chunk(job, chunk)

    def hold(self, *, max_messages: int, timeout_s: float, visibility_timeout_s: int) -> ParkedListing:
        """What the queue holds, hidden from others for ``visibility_timeout_s`` seconds: give it back, or delete it."""
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
        """Make messages visible to others again."""
        kept = {message.message_id for each in but for message in each.messages}
        held = [message for each in listing.chunks for message in each.messages] + list(listing.unreadable)
        release(self._queue, [each for each in held if each.message_id not in kept])

    def delete_messages(self, parked: ParkedChunk) -> int:
        """Delete the chunk's messages; how many."""
        for message in parked.messages:
            self._queue.delete(message)
        return len(parked.messages)

    def find(self, name: ParkedChunkId) -> ParkedChunk:
        """One chunk, by the ledger.

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
        """All there is about a chunk, from the ledger, from its message if the queue holds one, and from the bucket.

        Raises:
            InputError: the ledger has no such chunk.
        """
        parked = self.find(name)
        said = [
            each.event
            for each in self.list().chunks
            if (each.job_id, each.range) == (name.job_id, name.range) and each.attempt == parked.attempt
        ]
        parked = dataclasses.replace(parked, event=said[0] if said else None)
        key = keys.input_key(parked.job_id, parked.range)
        body = self._text(key)
        rows = None if body is None else "\n".join(body.splitlines()[:_SHOWN_ROWS])
        return ParkedDetails(
            parked=parked,
            input_location=f"s3://{self._bucket}/{key}",
            first_rows=rows,
            failure=self._failure(parked),
        )

    def input(self, parked: ParkedChunk) -> bytes:
        """The chunk's whole input object, as it was sent.

        Raises:
            NotFoundError: it is not there.
        """
        key = keys.input_key(parked.job_id, parked.range)
        return self._read(Call("s3", "get_object", {"Bucket": self._bucket, "Key": key}))

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
        status = parked_status(job, chunk, chunk.attempt, self._now())
        if status is ParkedStatus.ARRIVING:
            # By the ledger alone it is simply not parked.
            status = ParkedStatus.UNDER_WAY
        return ParkedChunk(job_id=job.job_id, range=chunk.range, status=status, chunk=chunk, job=job)

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
            # Whoever may not list is not told that an object is missing.
            return None
