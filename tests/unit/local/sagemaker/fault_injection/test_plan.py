import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tailrace_local.emulator_base.seeded_random import draw
from tailrace_local.sagemaker.fault_injection.matching import RuleMatcher
from tailrace_local.sagemaker.fault_injection.plan import FaultPlan
from tailrace_local.sagemaker.messages.invocations import Invocation


def plan(when: dict[str, Any], do: dict[str, Any] | None = None, **more: Any) -> FaultPlan:
    return FaultPlan.model_validate({"rules": [{"when": when, "do": do or {"kind": "lose"}}], **more})


def matcher(made: FaultPlan) -> RuleMatcher:
    ((name, rule),) = made.named_rules()
    return RuleMatcher(made, name, rule)


def invocation(inference_id: str, endpoint: str = "demand") -> Invocation:
    return Invocation("own", inference_id, endpoint, "s3://b/in", 0, 100, 10, "s3://b/out")


def chosen(made: FaultPlan, ids: list[str]) -> list[str]:
    one = matcher(made)
    return [each for each in ids if one.matches(invocation(each), row_found=False)]


CHUNKS = [f"job.{first}.10.1" for first in range(0, 10_000, 10)]


def test_a_rate_chooses_about_that_share() -> None:
    assert 60 < len(chosen(plan({"rate": 0.1}), CHUNKS)) < 140


@given(st.randoms(use_true_random=False), st.integers(0, 2**32))
def test_a_rate_chooses_the_same_requests_in_whatever_order_they_come(order: random.Random, seed: int) -> None:
    made, shuffled = plan({"rate": 0.3}, seed=seed), CHUNKS[:60]
    order.shuffle(shuffled)
    assert set(chosen(made, shuffled)) == set(chosen(made, CHUNKS[:60]))


def test_another_job_with_the_same_chunks_meets_the_same_faults() -> None:
    made = plan({"rate": 0.2}, seed=3)
    first = [each.partition(".")[2] for each in chosen(made, CHUNKS)]
    second = [each.partition(".")[2] for each in chosen(made, [each.replace("job", "other") for each in CHUNKS])]
    assert first == second != []


def test_another_seed_chooses_others() -> None:
    assert chosen(plan({"rate": 0.2}, seed=1), CHUNKS) != chosen(plan({"rate": 0.2}, seed=2), CHUNKS)


def test_a_request_that_comes_again_is_drawn_anew() -> None:
    one = matcher(plan({"rate": 0.5}))
    fates = [one.matches(invocation("job.0.1.1"), row_found=False) for _ in range(50)]
    assert {True, False} == set(fates)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"every": 3}, [2, 5, 8]),
        ({"every": 3, "after": 2}, [4, 7]),
        ({"limit": 2}, [0, 1]),
        ({"after": 7}, [7, 8, 9]),
        ({"every": 2, "limit": 1}, [1]),
    ],
)
def test_requests_are_counted_in_their_order(when: dict[str, int], expected: list[int]) -> None:
    ids = [f"job.{number}.1.1" for number in range(10)]
    assert chosen(plan(when), ids) == [ids[number] for number in expected]


def test_a_rule_counts_only_what_it_matches() -> None:
    one = matcher(plan({"endpoint": "dem*", "inference_id": r"\.1$", "every": 2}))
    asked = [("job.0.1.1", "demand"), ("job.0.1.2", "demand"), ("job.1.1.1", "other"), ("job.2.1.1", "demand")]
    assert [one.matches(invocation(*each), row_found=False) for each in asked] == [False, False, False, True]


def test_row_and_outcome_have_to_be_there() -> None:
    one = matcher(plan({"row": "POISON", "outcome": "Failed"}, {"kind": "drop"}))
    asked = [(True, "Failed"), (True, "Completed"), (False, "Failed")]
    assert [one.matches(invocation("i"), row_found=row, outcome=outcome) for row, outcome in asked] == [
        True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rules": [{"do": {"kind": "explode"}}]}, "explode"),
        ({"rules": [{"do": {"kind": "lose"}, "wen": {}}]}, "wen"),
        ({"rules": [{"do": {"kind": "status", "status": 200}}]}, "400"),
        ({"rules": [{"do": {"kind": "lose"}, "when": {"row": "x"}}]}, "select without `row`"),
        ({"rules": [{"do": {"kind": "hang_up"}, "when": {"outcome": "Failed"}}]}, "select without `outcome`"),
        ({"rules": [{"do": {"kind": "lose"}, "when": {"inference_id": "("}}]}, "regular expression"),
        ({"rules": [{"do": {"kind": "lose"}, "when": {"rate": 0}}]}, "greater than 0"),
        ({"rules": [{"name": "a", "do": {"kind": "lose"}}, {"name": "a", "do": {"kind": "drop"}}]}, "name a"),
    ],
)
def test_a_plan_with_a_mistake_is_refused_with_its_place(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        FaultPlan.model_validate(wrong)
    assert said in str(refused.value)


def test_a_plan_that_was_shown_is_the_same_plan() -> None:
    made = plan({"row": "a|b", "rate": 0.5}, {"kind": "drop"}, seed=9)
    assert FaultPlan.model_validate(made.model_dump(mode="json")) == made


@given(st.integers(), st.text())
def test_a_draw_is_a_share_and_repeats_itself(seed: int, what: str) -> None:
    assert 0 <= draw(seed, what) == draw(seed, what) < 1
