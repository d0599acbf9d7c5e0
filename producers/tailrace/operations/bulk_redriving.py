"""Redriving, discarding and correcting of all parked chunks that match, as they are at the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tailrace.operations.attention import Attention
from tailrace.operations.corrections import corrected_input
from tailrace.operations.decisions import NO_REASON, DecisionSender, RedriveResult, halving_refusal
from tailrace.operations.parked import ParkedChunk
from tailrace.operations.row_corrections import correct_rows
from tailrace.operations.selections import Selection


class BulkRedriver(DecisionSender):
    """Acts on the parked chunks of one stack that match a selection."""

    def __init__(self, *, attention: Callable[[], Attention], **parts: Any) -> None:
        super().__init__(**parts)
        self._attention = attention

    def redrive_matching(
        self,
        selection: Selection,
        *,
        force: bool = False,
        note: str | None = None,
        halves: bool = False,
        confirmed: bool = False,
    ) -> Iterator[RedriveResult]:
        """Redrive the parked chunks that match; unless ``confirmed``, only report what would be done.

        They are listed from the ledger first. What is parked later, such as a chunk of this run
        that fails again, is left alone. With ``halves``, each chunk is split in two and both are
        invoked: a failure that says nothing about rows may hide one bad row. Their messages are
        deleted at the end, in one pass over the queue.
        """
        done: list[ParkedChunk] = []
        for parked in self._matching(selection):
            refusal = parked.refusal(force=force or halves) or (halving_refusal(parked) if halves else None)
            if refusal is not None:
                yield RedriveResult(parked, "left", refusal)
            elif not confirmed:
                yield RedriveResult(parked, "halved" if halves else "redriven", "only shown")
            else:
                if halves:
                    self._send_split(parked, note)
                else:
                    self._send_retry(parked, note, None)
                done.append(parked)
                yield RedriveResult(parked, "halved" if halves else "redriven")
        self._delete_messages(done)

    def discard_matching(
        self, selection: Selection, reason: str = NO_REASON, *, confirmed: bool = False
    ) -> Iterator[RedriveResult]:
        """Discard the parked chunks that match; unless ``confirmed``, only report what would be done."""
        done: list[ParkedChunk] = []
        for parked in self._matching(selection):
            refusal = parked.refusal(force=True)
            if refusal is not None:
                yield RedriveResult(parked, "left", refusal)
                continue
            if confirmed:
                self._send_discard(parked, reason)
                done.append(parked)
            yield RedriveResult(parked, "discarded", reason if confirmed else "only shown")
        self._delete_messages(done)

    def correct_rows(
        self, job_id: str, data: bytes, *, force: bool = False, note: str | None = None, confirmed: bool = False
    ) -> Iterator[RedriveResult]:
        """Correct single rows of a job's parked chunks and redrive these chunks.

        ``data`` is as in `tailrace.operations.row_corrections`. Unless ``confirmed``, it is only
        checked, and what would be done is reported.

        Raises:
            InputError: a row is in no parked chunk, or does not fit; nothing was changed.
        """
        chunks = [each for each in self._parked.of_job(job_id) if each.refusal(force=force) is None]
        settings = self._settings(job_id)
        found = correct_rows(
            data, chunks, sent=self._parked.input, rejected=self._parked.rejected_rows, header=settings.header
        )
        for each in found:
            if each.parked.chunk is not None:
                corrected_input(each.rows, each.parked.chunk, settings)
        done: list[ParkedChunk] = []
        for each in found:
            what = f"{each.corrected} row{'s' * (each.corrected != 1)} corrected"
            if confirmed:
                replaced = self._replace_input(each.parked, each.rows)
                self._send_retry(each.parked, note, f"{what}, {replaced}")
                done.append(each.parked)
            yield RedriveResult(each.parked, "redriven", what if confirmed else f"{what}, only shown")
        self._delete_messages(done)

    def _matching(self, selection: Selection) -> list[ParkedChunk]:
        job_id = selection.job_id
        found = self._attention().chunks if job_id is None else self._parked.of_job(job_id)
        return [each for each in found if selection.chooses(each)]
