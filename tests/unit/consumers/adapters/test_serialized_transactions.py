"""One transaction of a process is in progress at a time; no other call waits for it."""

from __future__ import annotations

from threading import Barrier, Event, Lock, Thread

import pytest

from tailrace_consumers.adapters.serialized_transactions import serialize_transactions
from tailrace_core.aws.calls import Call
from tests.unit.consumers.threads import LIMIT_S, bounded, busy, in_threads, switching_often

TRANSACTION = Call("dynamodb", "transact_write_items", {})
READ = Call("dynamodb", "get_item", {})


def test_no_two_transactions_are_under_way_at_once() -> None:
    together, under_way = Barrier(4), Lock()

    def execute(call: Call) -> Call:
        assert under_way.acquire(blocking=False), "two transactions at once"
        busy()
        under_way.release()
        return call

    in_turn = serialize_transactions(execute)

    def ask(_: int) -> None:
        together.wait(LIMIT_S)
        for _ in range(50):
            assert in_turn(TRANSACTION) is TRANSACTION

    with switching_often():
        in_threads(ask, 4)


def test_other_calls_do_not_wait_for_a_transaction() -> None:
    under_way, go_on = Event(), Event()

    def execute(call: Call) -> Call:
        if call is TRANSACTION:
            under_way.set()
            assert go_on.wait(LIMIT_S)
        return call

    in_turn = serialize_transactions(execute)
    transaction = Thread(target=in_turn, args=(TRANSACTION,), daemon=True)
    transaction.start()
    assert under_way.wait(LIMIT_S)
    bounded(lambda: in_turn(READ))
    go_on.set()
    transaction.join(LIMIT_S)
    assert not transaction.is_alive()


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_a_transaction_that_fails_gives_its_turn_away(error: type[BaseException]) -> None:
    def execute(_: Call) -> None:
        raise error

    in_turn = serialize_transactions(execute)
    for _ in range(2):
        with pytest.raises(error):
            bounded(lambda: in_turn(TRANSACTION))
