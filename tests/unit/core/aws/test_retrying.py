"""Retries: their number, their waits, and the token of transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.aws.calls import Call
from tailrace_core.aws.retrying import DEFAULT_POLICY, RetryPolicy, retrying, retrying_async
from tailrace_core.errors import ConditionFailedError, ConflictError, ThrottledError, TransientError

GET = Call("dynamodb", "get_item", {"TableName": "t"})
TRANSACT = Call("dynamodb", "transact_write_items", {"TransactItems": []})

Outcomes = Sequence[Exception | str]
Run = Callable[[Outcomes, Call], tuple[Any, list[Call], list[float]]]


class Script:
    """An executor with scripted outcomes; it repeats the last one."""

    def __init__(self, outcomes: Outcomes) -> None:
        self.outcomes = outcomes
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Any:
        self.calls.append(call)
        outcome = self.outcomes[min(len(self.calls), len(self.outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def run_sync(outcomes: Outcomes, call: Call) -> tuple[Any, list[Call], list[float]]:
    script, waits = Script(outcomes), list[float]()
    execute = retrying(script, sleep=waits.append, jitter=lambda: 0.5)
    try:
        return execute(call), script.calls, waits
    except Exception as exc:  # noqa: BLE001 - whatever it is, the test looks at it
        return exc, script.calls, waits


def run_async(outcomes: Outcomes, call: Call) -> tuple[Any, list[Call], list[float]]:
    script, waits = Script(outcomes), list[float]()

    async def execute(call: Call) -> Any:
        return script(call)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def tried(attempt: Callable[[Call], Awaitable[Any]]) -> Any:
        return await attempt(call)

    try:
        return asyncio.run(tried(retrying_async(execute, sleep=sleep, jitter=lambda: 0.5))), script.calls, waits
    except Exception as exc:  # noqa: BLE001 - whatever it is, the test looks at it
        return exc, script.calls, waits


@pytest.fixture(params=[run_sync, run_async])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


def test_what_succeeds_is_called_once(run: Run) -> None:
    assert run(["answer"], GET) == ("answer", [GET], [])


def test_what_may_work_later_is_tried_again(run: Run) -> None:
    answer, calls, waits = run([TransientError("lost"), TransientError("lost"), "answer"], GET)
    assert answer == "answer"
    assert len(calls) == 3
    assert waits == [0.05, 0.1]


def test_the_last_error_is_raised_when_no_try_succeeds(run: Run) -> None:
    error = TransientError("lost")
    raised, calls, waits = run([error], GET)
    assert raised is error
    assert "5 time(s)" in raised.__notes__[0]
    assert (len(calls), len(waits)) == (5, 4)


def test_conflicts_are_tried_more_often(run: Run) -> None:
    _, calls, _ = run([ConflictError("two at once")], TRANSACT)
    assert len(calls) == DEFAULT_POLICY.max_conflict_tries > DEFAULT_POLICY.max_tries


@pytest.mark.parametrize("error", [ConditionFailedError("first"), ValueError("a bug")])
def test_nothing_else_is_tried_again(run: Run, error: Exception) -> None:
    raised, calls, waits = run([error, "answer"], GET)
    assert (raised, len(calls), waits) == (error, 1, [])


def test_a_hint_is_waited_out_whole(run: Run) -> None:
    _, _, waits = run([ThrottledError("slow", retry_after_s=2.0), "answer"], GET)
    assert waits == [2.05]


def test_a_hint_longer_than_a_call_may_wait_is_left_to_the_caller(run: Run) -> None:
    raised, calls, waits = run([ThrottledError("slow", retry_after_s=60.0), "answer"], GET)
    assert isinstance(raised, ThrottledError)
    assert (len(calls), waits) == (1, [])


def test_a_transaction_keeps_its_token_so_that_it_cannot_lose_against_itself(run: Run) -> None:
    _, calls, _ = run([TransientError("the answer was lost"), "answer"], TRANSACT)
    tokens = [call.params["ClientRequestToken"] for call in calls]
    assert len(tokens) == 2
    assert tokens[0] == tokens[1]
    assert 1 <= len(tokens[0]) <= 36
    _, others, _ = run(["answer"], TRANSACT)
    assert others[0].params["ClientRequestToken"] != tokens[0]


def test_a_token_that_is_given_stays(run: Run) -> None:
    call = Call("dynamodb", "transact_write_items", {"TransactItems": [], "ClientRequestToken": "mine"})
    assert run(["answer"], call)[1] == [call]


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.floats(0, 5))
def test_no_wait_is_longer_than_the_policy_says(failed: int, draw: float, hint_s: float) -> None:
    policy = RetryPolicy(max_tries=10_001)
    wait_s = policy.wait_s(failed, TransientError("x", retry_after_s=hint_s), draw)
    assert wait_s is not None
    assert hint_s <= wait_s <= hint_s + min(policy.cap_s, policy.base_s * 2.0 ** min(failed - 1, 20))


@pytest.mark.parametrize(
    "odd", [{"max_tries": 0}, {"max_conflict_tries": 0}, {"base_s": -1.0}, {"base_s": 2.0, "cap_s": 1.0}]
)
def test_a_policy_that_makes_no_sense_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least one try"):
        RetryPolicy(**odd)
