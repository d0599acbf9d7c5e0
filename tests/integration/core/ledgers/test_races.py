"""Races of several callers: one wins, nothing is lost."""

from __future__ import annotations

from tailrace_core.ledger.port import Ledger
from tailrace_core.ledger.rules import SettleOutcome
from tests.integration.core.ledgers.examples import JOB, NOW, chunk_of, in_window, known, scored, started, waiting
from tests.integration.core.ledgers.racing import race


def test_of_many_settlers_one_wins(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))
    outcomes = race(8, lambda _: ledger.settle(scored(0, 10)))
    assert sorted(outcomes) == [SettleOutcome.ALREADY] * 7 + [SettleOutcome.SETTLED]
    assert known(ledger.job(JOB)).rows_scored == 10


def test_of_many_finishers_one_wins(ledger: Ledger) -> None:
    started(ledger)
    ledger.seal(JOB, 0)
    assert sum(job is not None for job in race(8, lambda index: ledger.start_finishing(JOB, NOW + index))) == 1


def test_settling_beside_each_other_loses_no_row(ledger: Ledger) -> None:
    started(ledger, *(chunk_of(index * 10, 10) for index in range(8)))
    assert set(race(8, lambda index: ledger.settle(scored(index * 10, 10, rejected=1)))) == {SettleOutcome.SETTLED}
    job = known(ledger.job(JOB))
    assert (job.rows_scored, job.rows_rejected, job.rows_settled) == (72, 8, 80)


def test_of_many_claimers_each_gets_others_and_the_window_is_not_exceeded(ledger: Ledger) -> None:
    started(ledger, *(waiting(first * 10) for first in range(9)))
    job = known(ledger.job(JOB))
    claimed = [chunk.range for chunks in race(6, lambda _: ledger.claim(job, 5, NOW)) for chunk in chunks]
    assert len(claimed) == len(set(claimed))
    assert claimed
    assert in_window(ledger) == (len(claimed), 9 - len(claimed))
    assert len(claimed) <= 5
    assert sorted(claimed) == [chunk.range for chunk in ledger.chunks(JOB) if not chunk.waiting]


def test_a_chunk_that_is_split_and_settled_at_once_ends_one_way(ledger: Ledger) -> None:
    started(ledger, chunk_of(0, 10))

    def act(index: int) -> SettleOutcome:
        if index % 2:
            return ledger.settle(scored(0, 10))
        return ledger.split(chunk_of(0, 10), chunk_of(0, 5), chunk_of(5, 5))

    assert race(6, act).count(SettleOutcome.SETTLED) == 1
    leaves = [chunk for chunk in ledger.chunks(JOB) if chunk.state.leaf]
    assert sum(chunk.range.rows for chunk in leaves) == 10
