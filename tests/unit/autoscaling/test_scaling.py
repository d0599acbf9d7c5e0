from __future__ import annotations

import pytest

from tailrace_local.emulation.errors import ApiError
from tests.unit.autoscaling.world import FOLLOW, IDENTITY, LEAVE_ZERO, World


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def test_a_step_leaves_zero_once_and_not_again_within_its_cooldown(world: World) -> None:
    arn = world.policy(LEAVE_ZERO)
    counts = []
    for _ in range(7):
        world.scaler.alarmed(arn, "BacklogWithoutCapacity", 1.0, 1.0)
        counts.append(world.instances)
        world.now += 60
    assert counts == [1, 1, 1, 1, 1, 2, 2]


def test_a_longer_backlog_adds_what_it_asks_for_during_the_cooldown_too(world: World) -> None:
    world.instances = 1
    arn = world.policy(FOLLOW)
    world.speak(arn, "High", 10.0)
    assert world.instances == 2
    world.speak(arn, "High", 18.0)
    assert world.instances == 4
    world.speak(arn, "High", 900.0)
    assert world.instances == 4  # the bound


def test_scaling_in_waits_for_its_cooldown_and_then_goes_to_zero(world: World) -> None:
    world.instances = 1
    arn = world.policy(FOLLOW)
    world.speak(arn, "High", 10.0)
    world.now += 899
    world.speak(arn, "Low", 0.0)
    assert world.instances == 2
    world.now += 1
    world.speak(arn, "Low", 0.0)
    assert world.instances == 0


def test_an_alarm_never_moves_against_its_direction(world: World) -> None:
    world.instances = 3
    arn = world.policy(FOLLOW)
    world.speak(arn, "High", 1.0)
    assert world.instances == 3
    world.now += 10_000
    world.speak(arn, "Low", 100.0)
    assert world.instances == 3


def test_registering_brings_the_capacity_within_its_bounds(world: World) -> None:
    world.register(minimum=2)
    assert world.instances == 2
    world.register(minimum=0, maximum=1)
    assert world.instances == 1


def test_a_suspended_target_is_left_alone(world: World) -> None:
    arn = world.policy(LEAVE_ZERO)
    world.call("RegisterScalableTarget", {**IDENTITY, "SuspendedState": {"DynamicScalingOutSuspended": True}})
    world.scaler.alarmed(arn, "a", 1.0, 1.0)
    assert world.instances == 0


def test_what_the_endpoint_refuses_is_told_and_tried_again_with_the_next_alarm(world: World) -> None:
    arn = world.policy(LEAVE_ZERO)
    world.updating = True
    world.scaler.alarmed(arn, "a", 1.0, 1.0)
    world.updating = False
    world.scaler.alarmed(arn, "a", 1.0, 1.0)
    assert world.instances == 1
    assert [each["StatusCode"] for each in world.activities()] == ["Successful", "Failed"]
    assert "in-progress" in world.activities()[1]["StatusMessage"]


def test_a_tracking_policy_makes_its_alarms_and_takes_them_along(world: World) -> None:
    arn = world.policy(FOLLOW)
    thresholds = {name.split("-Alarm")[1][:3]: alarm["Threshold"] for name, alarm in world.alarms.items()}
    assert thresholds == {"Hig": 5.0, "Low": 4.5}
    assert all(alarm["AlarmActions"] == [arn] for alarm in world.alarms.values())
    assert world.policy(FOLLOW) == arn
    assert len(world.alarms) == 2
    world.call("DeregisterScalableTarget", IDENTITY)
    assert world.alarms == {}


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        (
            "PutScalingPolicy",
            {**IDENTITY, **LEAVE_ZERO, "ResourceId": "endpoint/a/variant/b"},
            "ObjectNotFoundException",
        ),
        ("DeleteScalingPolicy", {**IDENTITY, "PolicyName": "none"}, "ObjectNotFoundException"),
        ("RegisterScalableTarget", {**IDENTITY, "MinCapacity": 3, "MaxCapacity": 1}, "ValidationException"),
        ("RegisterScalableTarget", {**IDENTITY, "ServiceNamespace": "ecs"}, "ValidationException"),
        ("RegisterScalableTarget", {"ResourceId": "x"}, "ValidationException"),
        ("GetPredictiveScalingForecast", {}, "UnknownOperationException"),
    ],
)
def test_what_cannot_be_done_is_refused_with_awss_name_for_it(
    world: World, operation: str, request_: dict[str, str], code: str
) -> None:
    with pytest.raises(ApiError) as refused:
        world.call(operation, request_)
    assert refused.value.code == code
