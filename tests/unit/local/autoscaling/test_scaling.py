from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tailrace_local.autoscaling.records import INSTANCES, PROVISIONED_CONCURRENCY
from tailrace_local.emulator_base.errors import ApiError
from tests.unit.local.autoscaling.scenario import FOLLOW, IDENTITY, LEAVE_ZERO, ScalingScenario

HIGH_LOW = ("High", "Low")


@pytest.fixture
def world() -> ScalingScenario:
    made = ScalingScenario()
    made.register()
    return made


def test_a_step_leaves_zero_once_and_not_again_within_its_cooldown(world: ScalingScenario) -> None:
    arn = world.policy(LEAVE_ZERO)
    counts = []
    for _ in range(7):
        world.handle_alarm(arn, "BacklogWithoutCapacity", 1.0, 1.0)
        counts.append(world.instances)
        world.now += 60
    assert counts == [1, 1, 1, 1, 1, 2, 2]


def test_a_longer_backlog_adds_what_it_asks_for_during_the_cooldown_too(world: ScalingScenario) -> None:
    world.instances = 1
    arn = world.policy(FOLLOW)
    world.tracking_alarm(arn, "High", 10.0)
    assert world.instances == 2
    world.tracking_alarm(arn, "High", 18.0)
    assert world.instances == 4
    world.tracking_alarm(arn, "High", 900.0)
    assert world.instances == 4  # the bound


def test_scaling_in_waits_for_its_cooldown_and_then_goes_to_zero(world: ScalingScenario) -> None:
    world.instances = 1
    arn = world.policy(FOLLOW)
    world.tracking_alarm(arn, "High", 10.0)
    world.now += 899
    world.tracking_alarm(arn, "Low", 0.0)
    assert world.instances == 2
    world.now += 1
    world.tracking_alarm(arn, "Low", 0.0)
    assert world.instances == 0


def test_an_alarm_never_moves_against_its_direction(world: ScalingScenario) -> None:
    world.instances = 3
    arn = world.policy(FOLLOW)
    world.tracking_alarm(arn, "High", 1.0)
    assert world.instances == 3
    world.now += 10_000
    world.tracking_alarm(arn, "Low", 100.0)
    assert world.instances == 3


def test_registering_brings_the_capacity_within_its_bounds(world: ScalingScenario) -> None:
    world.register(minimum=2)
    assert world.instances == 2
    world.register(minimum=0, maximum=1)
    assert world.instances == 1


def test_a_suspended_target_is_left_alone(world: ScalingScenario) -> None:
    arn = world.policy(LEAVE_ZERO)
    world.call("RegisterScalableTarget", {**IDENTITY, "SuspendedState": {"DynamicScalingOutSuspended": True}})
    world.handle_alarm(arn, "a", 1.0, 1.0)
    assert world.instances == 0


def test_a_refused_change_is_recorded_and_retried_with_the_next_alarm(world: ScalingScenario) -> None:
    arn = world.policy(LEAVE_ZERO)
    world.updating = True
    world.handle_alarm(arn, "a", 1.0, 1.0)
    world.updating = False
    world.handle_alarm(arn, "a", 1.0, 1.0)
    assert world.instances == 1
    assert [each["StatusCode"] for each in world.activities()] == ["Successful", "Failed"]
    assert "in-progress" in world.activities()[1]["StatusMessage"]


def test_a_change_is_in_progress_until_it_is_in_service_and_the_next_one_waits_for_it(world: ScalingScenario) -> None:
    arn = world.policy(FOLLOW)
    world.instances, world.starting = 1, True
    world.tracking_alarm(arn, "High", 10.0)
    world.tracking_alarm(arn, "High", 40.0)
    (begun,) = world.activities()
    assert (world.instances, begun["StatusCode"], "EndTime" in begun) == (2, "InProgress", False)
    world.starting = False
    world.scaling.run_due(world.now)
    (done,) = world.activities()
    assert (done["StatusCode"], done["EndTime"]) == ("Successful", world.now)


def test_an_action_that_is_due_changes_the_bounds_and_the_capacity(world: ScalingScenario) -> None:
    action = {
        **IDENTITY,
        "ScheduledActionName": "floor",
        "Schedule": f"at({datetime.fromtimestamp(world.now + 60, UTC):%Y-%m-%dT%H:%M:%S})",
        "ScalableTargetAction": {"MinCapacity": 2, "MaxCapacity": 6},
    }
    world.call("PutScheduledAction", action)
    world.scaling.run_due(world.now + 59)
    assert world.instances == 0
    world.scaling.run_due(world.now + 61)
    (target,) = world.call("DescribeScalableTargets", {"ServiceNamespace": "sagemaker"})["ScalableTargets"]
    assert (world.instances, target["MinCapacity"], target["MaxCapacity"]) == (2, 2, 6)
    world.register(minimum=0)
    world.instances = 0
    world.scaling.run_due(world.now + 600)
    assert world.instances == 0  # once


def test_a_recurring_action_is_carried_out_each_time_while_it_is_valid_and_not_suspended(
    world: ScalingScenario,
) -> None:
    action = {
        **IDENTITY,
        "ScheduledActionName": "floor",
        "Schedule": "rate(1 hour)",
        "StartTime": world.now + 10,
        "EndTime": world.now + 7300,
        "ScalableTargetAction": {"MinCapacity": 1},
    }
    world.call("PutScheduledAction", action)
    counts = []
    for after in (11, 3611, 7211, 10811):
        world.instances = 0
        suspended = {"ScheduledScalingSuspended": after == 3611}
        world.call("RegisterScalableTarget", {**IDENTITY, "MinCapacity": 0, "SuspendedState": suspended})
        world.scaling.run_due(world.now + after)
        counts.append(world.instances)
    assert counts == [1, 0, 1, 0]


def test_a_scheduled_action_is_changed_by_what_is_put_again_and_goes_with_its_target(world: ScalingScenario) -> None:
    named = {**IDENTITY, "ScheduledActionName": "floor"}
    world.call("PutScheduledAction", {**named, "Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 1}})
    world.call("PutScheduledAction", {**named, "Schedule": "cron(0 8 * * ? *)", "Timezone": "Europe/Berlin"})
    everything = {"ServiceNamespace": "sagemaker"}
    (shown,) = world.call("DescribeScheduledActions", everything)["ScheduledActions"]
    assert (shown["Schedule"], shown["ScalableTargetAction"]) == ("cron(0 8 * * ? *)", {"MinCapacity": 1})
    world.call("DeregisterScalableTarget", IDENTITY)
    assert world.call("DescribeScheduledActions", everything)["ScheduledActions"] == []


def test_tags_are_kept_with_the_target(world: ScalingScenario) -> None:
    arn = world.call("RegisterScalableTarget", {**IDENTITY, "Tags": {"team": "a", "cost": "b"}})["ScalableTargetARN"]
    world.call("TagResource", {"ResourceARN": arn, "Tags": {"team": "c"}})
    world.call("UntagResource", {"ResourceARN": arn, "TagKeys": ["cost"]})
    assert world.call("ListTagsForResource", {"ResourceARN": arn}) == {"Tags": {"team": "c"}}


def test_a_tracking_policy_makes_its_alarms_and_takes_them_along(world: ScalingScenario) -> None:
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
        (
            "RegisterScalableTarget",
            {**IDENTITY, "ResourceId": "endpoint/new/variant/AllTraffic", "MinCapacity": 1},
            "ValidationException",
        ),
        (
            "PutScheduledAction",
            {**IDENTITY, "ScheduledActionName": "a", "Schedule": "cron(0 8 * * *)"},
            "ValidationException",
        ),
        ("PutScheduledAction", {**IDENTITY, "ScheduledActionName": "a"}, "ValidationException"),
        (
            "ListTagsForResource",
            {"ResourceARN": "arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/none"},
            "ResourceNotFoundException",
        ),
        ("GetPredictiveScalingForecast", {}, "UnknownOperationException"),
    ],
)
def test_impossible_requests_are_refused_with_awss_error_code(
    world: ScalingScenario, operation: str, request_: dict[str, str], code: str
) -> None:
    with pytest.raises(ApiError) as refused:
        world.call(operation, request_)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("kind", "dimension", "metric", "statistic", "periods"),
    [
        ("SageMakerVariantInvocationsPerInstance", INSTANCES, "InvocationsPerInstance", "Sum", (60, 3, 15)),
        (
            *("SageMakerVariantConcurrentRequestsPerModelHighResolution", INSTANCES),
            *("ConcurrentRequestsPerModel", "Maximum", (10, 3, 90)),
        ),
        (
            *("SageMakerVariantProvisionedConcurrencyUtilization", PROVISIONED_CONCURRENCY),
            *("ServerlessProvisionedConcurrencyUtilization", "Maximum", (60, 3, 15)),
        ),
    ],
)
def test_predefined_metrics_are_watched_of_the_variant(
    world: ScalingScenario, kind: str, dimension: str, metric: str, statistic: str, periods: tuple[int, int, int]
) -> None:
    world.dimension = dimension
    target = {**IDENTITY, "ScalableDimension": dimension}
    world.instances = 1
    world.call("RegisterScalableTarget", {**target, "MinCapacity": 1, "MaxCapacity": 4})
    arn = world.call("PutScalingPolicy", {**target, **_predefined(kind)})["PolicyARN"]
    high, low = (next(each for name, each in world.alarms.items() if f"Alarm{which}" in name) for which in HIGH_LOW)
    for alarm in (high, low):
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SageMaker", metric)
        assert alarm["Dimensions"] == [
            {"Name": "EndpointName", "Value": "demand"},
            {"Name": "VariantName", "Value": "AllTraffic"},
        ]
        assert (alarm["Statistic"], alarm["Period"]) == (statistic, periods[0])
    assert (high["EvaluationPeriods"], low["EvaluationPeriods"]) == periods[1:]
    world.tracking_alarm(arn, "High", 1.5 * high["Threshold"])
    assert world.instances == 2


@pytest.mark.parametrize(
    "kind",
    ["SageMakerVariantProvisionedConcurrencyUtilization", "SageMakerInferenceComponentInvocationsPerCopy"],
)
def test_a_predefined_metric_of_another_dimension_is_refused(world: ScalingScenario, kind: str) -> None:
    with pytest.raises(ApiError, match=f"{kind} does not belong to {INSTANCES}"):
        world.policy(_predefined(kind))


def test_a_policy_tracks_exactly_one_metric(world: ScalingScenario) -> None:
    both = _predefined("SageMakerVariantInvocationsPerInstance")
    both["TargetTrackingScalingPolicyConfiguration"] |= FOLLOW["TargetTrackingScalingPolicyConfiguration"]
    with pytest.raises(ApiError, match="exactly one"):
        world.policy(both)


def _predefined(kind: str) -> dict[str, Any]:
    metric = {"PredefinedMetricType": kind}
    configuration = {"TargetValue": 70.0, "PredefinedMetricSpecification": metric}
    return {
        "PolicyName": "SageMakerEndpointInvocationScalingPolicy",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": configuration,
    }
