"""Settlements: chunks of one job that leave ``open``, with the job's counters, in one transaction.

All transactions of a job write its item, and DynamoDB refuses one of two that meet there. Settling
the chunks of a batch together therefore takes fewer calls and meets fewer others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailrace_core.aws.calls import Steps
from tailrace_core.jobs.model import ChunkState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import expressions, items, rules
from tailrace_core.ledger.rules import Settlement, SettleOutcome
from tailrace_core.ledger.writes import MAX_TOGETHER, WriteSteps


def check_together(ends: Sequence[Settlement]) -> None:
    """Raise ValueError unless the settlements are of one job, and accepted in the same states."""
    if len({(end.job_id, end.job_states) for end in ends}) > 1:
        raise ValueError(f"settled together are chunks of one job, all cancelled or none: {[*ends][:2]}")


class SettlementSteps(WriteSteps):
    """`Ledger.mark_answered`, `Ledger.settle` and their plurals as steps."""

    def mark_answered(self, job_id: str, rows: RowRange) -> Steps[bool]:
        """Mark one chunk."""
        (marked,) = yield from self.mark_all_answered([(job_id, rows)])
        return marked

    def mark_all_answered(self, chunks: Sequence[tuple[str, RowRange]]) -> Steps[list[bool]]:
        """Mark chunks, of several jobs if need be."""
        once = list(dict.fromkeys(chunks))
        marked = yield from self._update_each([self._mark(job_id, rows) for job_id, rows in once])
        found = dict(zip(once, marked, strict=True))
        return [found[chunk] for chunk in chunks]

    def _mark(self, job_id: str, rows: RowRange) -> dict[str, Any]:
        key = items.chunk_item_key(job_id, rows)
        values = {":t": True, ":open": ChunkState.OPEN, ":none": 0}
        return self._write(key, "SET answered = :t", "#s = :open AND attempt > :none", values)

    def settle(self, end: Settlement) -> Steps[SettleOutcome]:
        """Settle one chunk."""
        (outcome,) = yield from self._settled([end])
        return outcome

    def settle_all(self, ends: Sequence[Settlement]) -> Steps[list[SettleOutcome]]:
        """Settle chunks of one job; one given twice settles once."""
        check_together(ends)
        first = {end.range: end for end in reversed(ends)}
        once, found = list(first.values()), dict[RowRange, SettleOutcome]()
        for start in range(0, len(once), MAX_TOGETHER):
            part = once[start : start + MAX_TOGETHER]
            found.update(zip((end.range for end in part), (yield from self._settled(part)), strict=True))
        outcomes: list[SettleOutcome] = []
        for end in ends:
            outcomes.append(found[end.range])
            if outcomes[-1] is SettleOutcome.SETTLED:
                found[end.range] = SettleOutcome.ALREADY
        return outcomes

    def _settled(self, ends: Sequence[Settlement]) -> Steps[list[SettleOutcome]]:
        reasons = yield from self._transact([*map(self._chunk_write, ends), self._job_write(ends)])
        if not reasons:
            return [SettleOutcome.SETTLED] * len(ends)
        if len(ends) == 1:
            return [expressions.settle_outcome(reasons)]
        failed = [reason == expressions.CONDITION_FAILED for reason in reasons]
        outcomes: list[SettleOutcome] = []
        if len(reasons) != len(ends) + 1 or not any(failed):
            # The service does not say which condition failed.
            for end in ends:
                outcomes += yield from self._settled([end])
            return outcomes
        if failed[-1]:
            return [SettleOutcome.ALREADY if each else SettleOutcome.REFUSED for each in failed[:-1]]
        others = [end for end, each in zip(ends, failed[:-1], strict=True) if not each]
        rest = iter((yield from self._settled(others)) if others else ())
        return [SettleOutcome.ALREADY if each else next(rest) for each in failed[:-1]]

    def _chunk_write(self, end: Settlement) -> dict[str, Any]:
        attempt = 0 if end.waiting else end.attempt
        condition = "#s = :open AND " + ("attempt > :a" if attempt is None else "attempt = :a")
        values: dict[str, Any] = {
            ":open": ChunkState.OPEN,
            ":a": attempt or 0,
            ":to": end.state,
            ":rej": end.rejected,
            ":np": False,
        }
        sets = "SET #s = :to, rejected = :rej, parked = :np"
        optional = {
            "received_at": end.received_at,
            "completed_at": end.completed_at,
            "settled_at": end.settled_at,
            "part_checksum": end.part_checksum,
            "part_bytes": end.part_bytes,
            "not_isolated": end.not_isolated or None,
            "reason": rules.truncate_reason(end.reason),
        }
        for name, value in optional.items():
            if value is not None:
                sets += f", {name} = :{name}"
                values[f":{name}"] = value
        key = items.chunk_item_key(end.job_id, end.range)
        update, values = expressions.with_entry(sets + " REMOVE due_shard, due_at", values, end.history, end.entry)
        return self._write(key, update, condition, values)

    def _job_write(self, ends: Sequence[Settlement]) -> dict[str, Any]:
        states = {f":j{index}": state for index, state in enumerate(ends[0].job_states)}
        waiting = sum(end.waiting for end in ends)
        counters = "ADD rows_scored :scored, rows_rejected :rejected, rows_cancelled :cancelled, rows_settled :all"
        not_isolated = sum(end.not_isolated for end in ends)
        counters += ", rows_not_isolated :unknown" if not_isolated else ""
        counters += ", chunks_waiting :waiting" if waiting else ""
        counters += ", chunks_in_flight :flying" if waiting < len(ends) else ""
        return self._write(
            items.job_item_key(ends[0].job_id),
            counters,
            f"#s IN ({', '.join(states)})",
            {
                **states,
                ":scored": sum(end.scored for end in ends),
                ":rejected": sum(end.counted_rejected for end in ends),
                ":cancelled": sum(end.cancelled for end in ends),
                ":all": sum(end.range.rows for end in ends),
                ":unknown": not_isolated,
                ":waiting": -waiting,
                ":flying": waiting - len(ends),
            },
        )
