"""Which parameters go together, and what follows from them: rules and conditions, evaluated as CloudFormation does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.loaders import Loader

from tests.infra.evaluation import effective, holds, refusals
from tests.infra.templates import endpoint, root, source

IMAGE = {"ModelImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demand:1"}
JOB = {"AutoMLJobName": "demand"}
EXISTING = {"EndpointName": "demand"}
REALTIME = {**IMAGE, "EndpointKind": "realtime"}
SERVERLESS = {**IMAGE, "EndpointKind": "serverless", "ModelNetworkIsolation": "false"}
SCALING = {"MaxInstanceCount": "4"}
FLOOR = {"FloorInstanceCount": "1", "FloorStart": "cron(30 7 ? * MON-FRI *)", "FloorEnd": "cron(0 18 ? * MON-FRI *)"}
VPC = {"ModelSubnetIds": "subnet-0a1,subnet-0b2", "ModelSecurityGroupIds": "sg-0c3"}


@pytest.mark.parametrize(
    "given",
    [
        IMAGE,
        JOB,
        EXISTING,
        {**IMAGE, "ModelDataUrl": "s3://b/k.tar.gz", "ModelEnvironment": '{"A": "b"}'},
        {**JOB, "AutoMLJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:automl-job/demand"},
        {**JOB, "AllowSerialPipeline": "true"},
        {**EXISTING, "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/demand"},
        {**IMAGE, **VPC},
        {**IMAGE, **SCALING, "MinInstanceCount": "1"},
        {**IMAGE, **SCALING, **FLOOR},
        {**IMAGE, "InstanceType": "ml.t2.medium"},
        {**IMAGE, "InlineResponses": "all"},
        {**IMAGE, "EndpointKind": "realtime", **SCALING, "MinInstanceCount": "1", "BatchTransform": "true"},
        {**JOB, "EndpointKind": "realtime", "AllowSerialPipeline": "true"},
        {**EXISTING, "EndpointKind": "realtime"},
        {**EXISTING, "EndpointKind": "serverless"},
        {
            **IMAGE,
            "EndpointKind": "serverless",
            "ModelNetworkIsolation": "false",
            "ServerlessProvisionedConcurrency": "2",
        },
        {**IMAGE, "EndpointKind": "none"},
    ],
)
def test_parameters_that_fit_together_are_accepted(given: dict[str, str]) -> None:
    assert refusals(root(), **given) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "exactly one"),
        ({**IMAGE, **JOB}, "exactly one"),
        ({**IMAGE, **EXISTING}, "exactly one"),
        ({**JOB, **EXISTING}, "exactly one"),
        ({**IMAGE, **JOB, **EXISTING}, "exactly one"),
        ({**JOB, "ModelDataUrl": "s3://b/k.tar.gz"}, "ModelDataUrl"),
        ({**EXISTING, "ModelDataUrl": "s3://b/k.tar.gz"}, "ModelDataUrl"),
        ({**JOB, "ModelEnvironment": "{}"}, "ModelEnvironment"),
        ({**IMAGE, "AutoMLJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:automl-job/x"}, "AutoMLJobArn"),
        ({**IMAGE, "AllowSerialPipeline": "true"}, "AllowSerialPipeline"),
        ({**IMAGE, "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/x"}, "EndpointArn"),
        ({**IMAGE, "EndpointRoleArn": "arn:aws:iam::123456789012:role/x"}, "EndpointRoleArn"),
        ({**EXISTING, **SCALING}, "MaxInstanceCount"),
        ({**EXISTING, **VPC}, "ModelSubnetIds"),
        ({**EXISTING, "InlineResponses": "failed"}, "InlineResponses"),
        ({**IMAGE, "ModelSubnetIds": "subnet-0a1"}, "both, or neither"),
        ({**IMAGE, "ModelSecurityGroupIds": "sg-0c3"}, "both, or neither"),
        ({**IMAGE, "MinInstanceCount": "1"}, "MinInstanceCount"),
        ({**IMAGE, **FLOOR}, "FloorInstanceCount is for"),
        ({**IMAGE, **SCALING, "FloorInstanceCount": "1"}, "all three, or none"),
        ({**IMAGE, **SCALING, **FLOOR, "FloorInstanceCount": "0"}, "all three, or none"),
        ({**IMAGE, **SCALING, **FLOOR, "FloorEnd": FLOOR["FloorStart"]}, "another time"),
        ({**IMAGE, **SCALING, "InstanceType": "ml.t2.medium"}, "ml.t2"),
        ({**REALTIME, **SCALING}, "cannot scale to zero"),
        ({**REALTIME, **SCALING, "MinInstanceCount": "1", "InstanceType": "ml.t2.medium"}, "ml.t2"),
        ({**REALTIME, "InlineResponses": "all"}, "InlineResponses"),
        ({**REALTIME, "ServerlessProvisionedConcurrency": "1"}, "ServerlessProvisionedConcurrency"),
        ({**SERVERLESS, "ModelNetworkIsolation": "true"}, "ModelNetworkIsolation=false"),
        ({**SERVERLESS, **VPC}, "join no VPC"),
        ({**SERVERLESS, **JOB, "ModelImage": "", "AllowSerialPipeline": "true"}, "one container"),
        ({**SERVERLESS, **SCALING, "MinInstanceCount": "1"}, "MaxInstanceCount"),
        ({**IMAGE, "EndpointKind": "none", **SCALING}, "MaxInstanceCount"),
        ({**EXISTING, "EndpointKind": "none"}, "Batch transform"),
        ({**EXISTING, "BatchTransform": "true"}, "Batch transform"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused_in_words(given: dict[str, str], said: str) -> None:
    assert any(said in refusal for refusal in refusals(root(), **given))


@pytest.mark.parametrize(("partition", "refused"), [("aws", False), ("aws-cn", True), ("aws-us-gov", False)])
def test_serverless_endpoints_are_refused_in_china_before_anything_is_made(
    partition: str,
    refused: bool,  # noqa: FBT001  # a table's column
) -> None:
    said = refusals(root(), {"AWS::Partition": partition}, **SERVERLESS)
    assert any("The regions of China have no serverless endpoints" in each for each in said) is refused
    assert not any("China" in each for each in refusals(root(), {"AWS::Partition": partition}, **REALTIME))


def test_every_assertion_refuses_something_and_says_what_to_do() -> None:
    for rule in root().body["Rules"].values():
        for assertion in rule["Assertions"]:
            assert re.search(
                r"[Gg]ive|take|[Ll]eave|Use another|Say so|is its owner's|are its owner's",
                assertion["AssertDescription"],
            )


def test_every_burstable_type_of_endpoints_is_named() -> None:
    types = Loader().load_service_model("sagemaker", "service-2")["shapes"]["ProductionVariantInstanceType"]["enum"]
    (assertion,) = root().body["Rules"]["BurstableTypesDoNotScale"]["Assertions"]
    named = assertion["Assert"]["Fn::Not"][0]["Fn::Contains"][0]
    assert set(named) == {name for name in types if re.match(r"ml\.t\d", name)}


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("AutoMLJobName", ["", "a", "Canvas-1", "a" * 32], ["-a", "a-", "a_b"]),
        ("AutoMLJobArn", ["", "arn:aws-cn:sagemaker:cn-north-1:123456789012:automl-job/canvas1"], ["canvas1"]),
        (
            "ModelImage",
            [
                "",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b/c:1",
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a@sha256:" + 64 * "0",
            ],
            ["nginx", "docker.io/nginx:1", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/"],
        ),
        ("ModelDataUrl", ["", "s3://bucket/k", "s3://bucket/a b/model.tar.gz"], ["s3://bucket", "s3://b/k/", "k"]),
        ("ModelEnvironment", ["", "{}", ' {"A": "b",\n "C": "d"} '], ["A=b", '["A"]']),
        ("ModelSubnetIds", ["", "subnet-0a1", "subnet-0a1,subnet-0b2"], ["subnet-0a1, subnet-0b2", "vpc-1", ","]),
        ("ModelSecurityGroupIds", ["", "sg-0a1", "sg-0a1,sg-0b2"], ["subnet-0a1", "sg-0a1,"]),
        ("FloorStart", ["", "cron(30 7 ? * MON-FRI *)"], ["30 7 * * *", "rate(1 day)", "cron(30 7 * * *)"]),
        ("FloorTimeZone", ["Etc/UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+1"], ["", "+01:00"]),
    ],
)
def test_a_parameters_form_is_checked_before_anything_is_made(
    name: str, accepted: list[str], refused: list[str]
) -> None:
    pattern = root().body["Parameters"][name]["AllowedPattern"]
    assert [value for value in accepted if not re.fullmatch(pattern, value)] == []
    assert [value for value in refused if re.fullmatch(pattern, value)] == []


def test_a_model_joins_a_vpc_when_it_is_told_to() -> None:
    def joined(**given: str) -> Any:
        return effective(endpoint(), endpoint().properties("Model"), **given).get("SubnetIds")

    assert joined() is None
    assert joined(**VPC) == {"Fn::Split": [",", {"Ref": "ModelSubnetIds"}]}
    sids = {found["Sid"] for found in role_statements(**VPC)} - {found["Sid"] for found in role_statements()}
    assert sids == {"HandleInterfaces", "JoinSubnets", "JoinSecurityGroups", "LookAtVpc"}


def role_statements(**given: str) -> list[dict[str, Any]]:
    (policy,) = effective(endpoint(), endpoint().properties("Role")["Policies"], **given)
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


@pytest.mark.parametrize(
    ("choice", "topics"),
    [
        ("none", None),
        ("failed", ["ERROR_NOTIFICATION_TOPIC"]),
        ("all", ["ERROR_NOTIFICATION_TOPIC", "SUCCESS_NOTIFICATION_TOPIC"]),
    ],
)
def test_notifications_repeat_answers_as_they_are_told(choice: str, topics: list[str] | None) -> None:
    config = effective(endpoint(), endpoint().properties("EndpointConfig"), InlineResponses=choice)
    notified = config["AsyncInferenceConfig"]["OutputConfig"]["NotificationConfig"]
    assert notified.get("IncludeInferenceResponseIn") == topics


def test_a_floor_is_raised_and_lowered_and_never_touches_the_maximum() -> None:
    given = {**SCALING, **FLOOR}
    actions = effective(endpoint(), endpoint().properties("ScalableTarget"), **given)["ScheduledActions"]
    least = {found["Schedule"]["Ref"]: found["ScalableTargetAction"]["MinCapacity"]["Ref"] for found in actions}
    assert least == {"FloorStart": "FloorInstanceCount", "FloorEnd": "MinInstanceCount"}
    assert {found["ScalableTargetAction"]["MaxCapacity"]["Ref"] for found in actions} == {"MaxInstanceCount"}
    assert {found["Timezone"]["Ref"] for found in actions} == {"FloorTimeZone"}
    assert "ScheduledActions" not in effective(endpoint(), endpoint().properties("ScalableTarget"), **SCALING)


def test_turning_scaling_on_changes_the_endpoint_together_with_its_configuration() -> None:
    # SageMaker refuses to update an endpoint to the configuration that it has.
    def state(resource: str, **given: str) -> Any:
        return effective(endpoint(), endpoint().properties(resource), **given)

    assert state("Endpoint") != state("Endpoint", **SCALING)
    assert state("EndpointConfig") != state("EndpointConfig", **SCALING)
    assert state("EndpointConfig", **SCALING) == state("EndpointConfig", MaxInstanceCount="9")


def test_what_is_left_to_sagemaker_is_not_named() -> None:
    def variant(**given: str) -> dict[str, Any]:
        (found,) = effective(endpoint(), endpoint().properties("EndpointConfig"), **given)["ProductionVariants"]
        return dict(found)

    assert "VolumeSizeInGB" not in variant()
    assert variant(VolumeSizeGiB="50")["VolumeSizeInGB"] == {"Ref": "VolumeSizeGiB"}


def test_archives_are_read_where_there_are_some() -> None:
    def read(**given: str) -> set[str]:
        document = effective(endpoint(), endpoint().properties("ReadModel")["PolicyDocument"], **given)
        return {found["Sid"] for found in document["Statement"]}

    assert read(**IMAGE) == {"PullImages"}
    assert read(**IMAGE, ModelDataUrl="s3://b/k") == read(**JOB) == {"PullImages", "ReadArchives"}


def test_nothing_that_makes_models_is_there_for_an_endpoint_that_exists() -> None:
    makers = {key for key in source("template.yaml").body["Resources"] if key.startswith(("ProvideModel", "Endpoint"))}
    assert makers == {"Endpoint", "ProvideModel", "ProvideModelLogGroup", "ProvideModelRole"}
    assert {root().body["Resources"][key]["Condition"] for key in makers} == {"DeploysModel"}
    assert not holds(root(), "DeploysModel", **EXISTING)
    assert holds(root(), "DeploysModel", **JOB)
