"""Reports of the answers of an ended round, as the endpoint's notifications would state them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from tailrace_consumers.ports import NotificationQueues, ObjectStore, TransformJob
from tailrace_consumers.runtime.batches import handle_concurrently
from tailrace_core.errors import NotFoundError
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.jobs.model import Chunk, ChunkState, Job
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.port import Ledger
from tailrace_core.messages.notifications import RESULT
from tailrace_core.transforms import notes, rounds
from tailrace_core.transforms.verdicts import RoundEnd, absent_reason, not_listed_reason

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundReporting:
    """Sends the notification of each chunk of a round: its output is there, or it failed."""

    ledger: Ledger
    store: ObjectStore
    notifications: NotificationQueues
    concurrency: int = 1

    def report(
        self,
        job: Job,
        number: int,
        ended: TransformJob,
        chunks: Sequence[Chunk],
        *,
        again: bool = False,
    ) -> None:
        """Report the answers of a round once, or ``again``; ``chunks`` are those of the job.

        A note follows the last message: a crash before it repeats them all, which does no harm.

        Raises:
            TransientError: a service did not respond.
        """
        if not again and self.ledger.note(job.job_id, notes.reported_note(number)) is not None:
            return
        listed = self._listed(job.job_id, number)
        ours = [each for each in chunks if rounds.round_of(each.output_location) == number]
        open_ = [each for each in ours if _awaits(each)]
        late = [each for each in open_ if listed is not None and each.range not in listed]
        tried = [each for each in open_ if each not in late]
        found = self._find(job.job_id, number, [each.range for each in tried])
        witnesses = self._witnesses(job.job_id, number, listed, ours, chunks)
        end = self._end(job, number, ended, ours, found, witnesses)
        self._confirm_moved(tried, found)
        bodies = [self._body(each, found.get(each.range), end, ended) for each in tried]
        bodies += [(_failed(each, not_listed_reason(end.name)), False) for each in late]
        bodies += self._control(job.job_id, number, witnesses, ended)
        self._each(lambda sent: self.notifications.send(sent[0], succeeded=sent[1]), bodies)
        self.ledger.write_note(job, notes.reported_note(number), str(len(bodies)))

    def fail(self, members: Iterable[Chunk], reason: str) -> None:
        """Report all members of a round as failed for one reason."""
        self._each(lambda each: self.notifications.send(_failed(each, reason), succeeded=False), list(members))

    def _listed(self, job_id: str, number: int) -> frozenset[RowRange] | None:
        """Return the ranges of the round's manifest; None for the first round, which has all."""
        if not number:
            return None
        try:
            return rounds.read_manifest(b"".join(self.store.read(rounds.manifest_key(job_id, number))))
        except NotFoundError:
            return frozenset()

    def _find(self, job_id: str, number: int, ranges: Sequence[RowRange]) -> dict[RowRange, str]:
        """Return the locations of the outputs that exist: a HEAD each, three for none."""
        found: dict[RowRange, str] = {}

        def look(rows: RowRange) -> None:
            for key in rounds.output_candidates(job_id, number, rows):
                if self.store.head(key) is not None:
                    found[rows] = self.store.locate(key)
                    return

        self._each(look, ranges)
        return found

    def _witnesses(
        self,
        job_id: str,
        number: int,
        listed: frozenset[RowRange] | None,
        ours: Sequence[Chunk],
        chunks: Sequence[Chunk],
    ) -> dict[RowRange, str | None]:
        """Return the round's inputs that an earlier one answered, with their outputs here."""
        if listed is None:
            return {}
        own = {each.range for each in ours}
        scored = [each.range for each in chunks if each.state is ChunkState.SCORED]
        ranges = [each for each in scored if each in listed and each not in own]
        found = self._find(job_id, number, ranges)
        return {each: found.get(each) for each in ranges}

    def _end(
        self,
        job: Job,
        number: int,
        ended: TransformJob,
        ours: Sequence[Chunk],
        found: dict[RowRange, str],
        witnesses: dict[RowRange, str | None],
    ) -> RoundEnd:
        # A repeated report finds some chunks settled by the first one.
        settled = sum(each.state is ChunkState.SCORED for each in ours)
        answered = sum(each is not None for each in witnesses.values())
        return RoundEnd(
            name=rounds.transform_job_name(job.job_id, number),
            status=ended.status,
            reason=ended.reason,
            written=len(found) + settled + answered,
            witnessed=all(each is not None for each in witnesses.values()) if witnesses else None,
        )

    def _confirm_moved(self, tried: Sequence[Chunk], found: dict[RowRange, str]) -> None:
        """Record outputs that stand at another key than the one recorded."""
        moved = [each for each in tried if found.get(each.range, each.output_location) != each.output_location]
        if moved:
            self.ledger.confirm_all([dataclasses.replace(each, output_location=found[each.range]) for each in moved])

    def _body(self, chunk: Chunk, location: str | None, end: RoundEnd, ended: TransformJob) -> tuple[str, bool]:
        if location is None:
            return _failed(
                chunk, absent_reason(end, rows=chunk.rows_sent, tries=chunk.tries, before=chunk.reason)
            ), False
        return _succeeded(chunk.inference_id, location, ended), True

    def _control(
        self, job_id: str, number: int, witnesses: dict[RowRange, str | None], ended: TransformJob
    ) -> list[tuple[str, bool]]:
        """Return the answer to the control that ran with the round, if there was one."""
        text = self.ledger.note(job_id, notes.control_note(number))
        if text is None:
            return []
        rows, attempt = notes.parse_control(text)
        inference, location = InferenceId(job_id, rows, attempt), witnesses.get(rows)
        if location is not None:
            return [(_succeeded(inference, location, ended), True)]
        return [(_result(inference, "Failed", failureReason="the control had no output"), False)]

    def _each(self, act: Callable[[T], object], items: Sequence[T]) -> None:
        handle_concurrently(act, items, concurrency=self.concurrency)


def _awaits(chunk: Chunk) -> bool:
    return chunk.state is ChunkState.OPEN and chunk.invoked and not chunk.parked and chunk.retry is None


def _failed(chunk: Chunk, reason: str) -> str:
    return _result(chunk.inference_id, "Failed", failureReason=reason)


def _succeeded(inference: InferenceId, location: str, ended: TransformJob) -> str:
    times = {"receivedTime": _iso(ended.started_at), "eventTime": _iso(ended.ended_at)}
    known = {name: value for name, value in times.items() if value is not None}
    return _result(inference, "Completed", responseParameters={"outputLocation": location}, **known)


def _result(inference: InferenceId, status: str, **fields: object) -> str:
    return json.dumps({"eventName": RESULT, "invocationStatus": status, "inferenceId": str(inference), **fields})


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
