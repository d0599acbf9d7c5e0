"""Numbers of the template that contradict each other are refused before a model is looked up."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_consumers.provide_model.numbers import require_consistent
from tailrace_core.errors import InputError
from tests.unit.consumers.provide_model.resource_requests import BY_IMAGE, BY_JOB, Provider, failed, succeeded

DEFAULTS = {
    "InstanceCount": 1,
    "MaxInstanceCount": 0,
    "MinInstanceCount": 0,
    "FloorInstanceCount": 0,
    "ReservedConcurrency": 0,
    "MaximumConcurrency": 10,
    "MaxConcurrentInvocationsPerInstance": 4,
    "ServerlessMaxConcurrency": 10,
    "ServerlessProvisionedConcurrency": 0,
    "ServerlessMaxProvisionedConcurrency": 0,
}
COUNTS = st.integers(min_value=0, max_value=6)


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"MaxInstanceCount": 4},
        {"MaxInstanceCount": 4, "MinInstanceCount": 4, "FloorInstanceCount": 4, "InstanceCount": 4},
        {"InstanceCount": 8},
        {"ReservedConcurrency": 10},
        {"ReservedConcurrency": 2, "MaximumConcurrency": 2},
    ],
)
def test_numbers_that_fit_together_are_accepted(numbers: dict[str, int]) -> None:
    require_consistent(DEFAULTS | numbers)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (
            {"MaxInstanceCount": 2, "MinInstanceCount": 3},
            "MinInstanceCount=3 is above MaxInstanceCount=2: raise the maximum, or lower MinInstanceCount",
        ),
        ({"MaxInstanceCount": 2, "FloorInstanceCount": 3}, "FloorInstanceCount=3 is above MaxInstanceCount=2"),
        ({"MaxInstanceCount": 2, "InstanceCount": 3}, "InstanceCount=3 is above MaxInstanceCount=2"),
        (
            {"MaxInstanceCount": 4, "MinInstanceCount": 2, "FloorInstanceCount": 1},
            "FloorInstanceCount=1 is below MinInstanceCount=2, which holds at all times",
        ),
        (
            {"ReservedConcurrency": 9},
            "ReservedConcurrency=9 is below MaximumConcurrency=10, so Lambda would throttle",
        ),
    ],
)
def test_numbers_that_contradict_each_other_are_refused_by_name(numbers: dict[str, int], said: str) -> None:
    with pytest.raises(InputError) as refused:
        require_consistent(DEFAULTS | numbers)
    assert refused.value.message.startswith(said)


def test_every_contradiction_is_named_at_once() -> None:
    with pytest.raises(InputError, match=r"MinInstanceCount=3.*; .*ReservedConcurrency=1"):
        require_consistent(DEFAULTS | {"MaxInstanceCount": 2, "MinInstanceCount": 3, "ReservedConcurrency": 1})


@given(st.fixed_dictionaries(dict.fromkeys(DEFAULTS, COUNTS)))
def test_whatever_is_accepted_keeps_the_order_of_the_numbers(numbers: Mapping[str, int]) -> None:
    try:
        require_consistent(numbers)
    except InputError:
        accepted = False
    else:
        accepted = True
    greatest, least = numbers["MaxInstanceCount"], numbers["MinInstanceCount"]
    floor, reserved = numbers["FloorInstanceCount"], numbers["ReservedConcurrency"]
    scaling = greatest == 0 or (
        max(least, floor, numbers["InstanceCount"]) <= greatest and floor in {0, max(floor, least)}
    )
    most, warm = numbers["ServerlessMaxConcurrency"], numbers["ServerlessProvisionedConcurrency"]
    warmest = numbers["ServerlessMaxProvisionedConcurrency"]
    serverless = max(warm, warmest) <= most and (warmest == 0 or 0 < warm <= warmest)
    assert accepted == (scaling and serverless and (reserved == 0 or reserved >= numbers["MaximumConcurrency"]))


@pytest.mark.parametrize(
    ("kind", "numbers", "wanted"),
    [
        ("realtime", {"InstanceCount": 3}, 12),
        ("realtime", {"InstanceCount": 1, "MaxInstanceCount": 5}, 20),
        ("realtime", {"InstanceCount": 1, "MaxConcurrentInvocationsPerInstance": 1}, 2),
        ("realtime", {"InstanceCount": 400}, 1000),
        ("serverless", {"ServerlessMaxConcurrency": 7, "InstanceCount": 3}, 7),
        ("serverless", {"ServerlessMaxConcurrency": 1}, 2),
    ],
)
def test_as_many_chunks_are_scored_at_once_as_the_endpoint_processes(
    kind: str, numbers: dict[str, int], wanted: int
) -> None:
    answer = succeeded(
        Provider().source(
            **BY_IMAGE, EndpointKind=kind, Numbers={name: str(each) for name, each in (DEFAULTS | numbers).items()}
        )
    )
    assert answer.attributes["ScoringConcurrency"] == str(wanted)


def test_a_deployment_is_refused_before_its_job_is_looked_up() -> None:
    provider = Provider()
    reason = failed(provider.source(**BY_JOB, Numbers={"MaxInstanceCount": "1", "MinInstanceCount": "2"})).reason
    assert "MinInstanceCount=2" in reason
    assert provider.aws.called == []


def test_numbers_arrive_as_text() -> None:
    numbers = {name: str(value) for name, value in DEFAULTS.items()}
    succeeded(Provider().source(**BY_IMAGE, Numbers=numbers))


@pytest.mark.parametrize("numbers", [[], {"MaxInstanceCount": "some"}, {"MaxInstanceCount": None}])
def test_what_is_not_a_number_is_an_error(numbers: object) -> None:
    assert "Numbers is not" in failed(Provider().source(**BY_IMAGE, Numbers=numbers)).reason
