"""The names that clients, functions and the local cloud rely on, and what each role may do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tailrace_consumers.provide_model.handler import RESERVE_S
from tests.infra.evaluation import effective
from tests.infra.templates import ROOT, as_list, endpoint, functions, monitoring, root, studio, target
from tests.unit.consumers.provide_model.test_numbers import DEFAULTS

EVERY_FUNCTION = {
    "TAILRACE_BUCKET": "Bucket",
    "TAILRACE_LEDGER_TABLE": "LedgerTable",
    "TAILRACE_RESULTS_TOPIC": "ResultsTopic",
}
SENDERS = {"TAILRACE_RETRIES_QUEUE": "RetriesQueue", "TAILRACE_PARKED_QUEUE": "ParkedQueue"}
OF_ENGINES = {
    "EndpointKind", "BatchTransform", "ModelName", "ScoringQueueUrl", "ScoringDeadLetterQueue", "ScoreChunksFunction",
    "TransformsQueueUrl", "TransformsDeadLetterQueue", "RunTransformsFunction",
}  # fmt: skip
OF_FILES = {
    "CuttingStateMachine", "CuttingEndsQueueUrl", "CuttingEndsDeadLetterQueue", "FailCuttingFunction",
    "InboxQueueUrl", "InboxDeadLetterQueue", "OutboxQueueUrl", "OutboxDeadLetterQueue",
    "StartJobsFunction", "DeliverResultsFunction",
}  # fmt: skip
QUEUES = ("Succeeded", "Failed", "Retries", "Parked", "Results")

LEDGER = {f"dynamodb:{action}" for action in ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "Query")}
CONSUME = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
OBJECTS = {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListBucket"}
SENDING = {"sqs:SendMessage", "sagemaker:InvokeEndpointAsync"}
GRANTED = {
    "CollectResults": LEDGER | CONSUME | LOGS | OBJECTS | SENDING | {"sns:Publish"},
    "HandleFailures": LEDGER | CONSUME | LOGS | OBJECTS | SENDING | {"sns:Publish"},
    "DispatchRetries": LEDGER - {"dynamodb:PutItem", "dynamodb:Query"} | CONSUME | LOGS | SENDING,
    "ReconcileJobs": LEDGER - {"dynamodb:BatchGetItem", "dynamodb:PutItem"}
    | LOGS
    | SENDING
    | {"s3:GetObject", "s3:PutObject", "s3:ListBucket", "sns:Publish"},
}
MAKER = LOGS | {
    "sagemaker:CreateModel", "sagemaker:AddTags", "sagemaker:DeleteModel",
    "sagemaker:DescribeAutoMLJobV2", "sagemaker:DescribeAutoMLJob",
}  # fmt: skip
# Statements that every role gets with a customer's key or with tracing.
ASKED_FOR = {"UseKey", "SendTraces"}
SOURCES = {"CollectResults": "SucceededQueue", "HandleFailures": "FailedQueue", "DispatchRetries": "RetriesQueue"}


def reachable(role: str, action: str) -> list[str]:
    return [
        json.dumps(resource)
        for owner, statement in root().role_statements()
        if owner == f"{role}Role" and action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


@pytest.mark.parametrize("function", GRANTED)
def test_a_function_knows_where_its_things_are(function: str) -> None:
    variables: dict[str, Any] = root().properties(function)["Environment"]["Variables"]
    assert {name: target(variables[name]) for name in EVERY_FUNCTION | SENDERS} == EVERY_FUNCTION | SENDERS
    assert variables["TAILRACE_ENDPOINT_NAME"]["Fn::If"] == [
        "DeploysEndpoint",
        {"Fn::GetAtt": ["Endpoint", "Outputs.EndpointName"]},
        {"Ref": "EndpointName"},
    ]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Tailrace"
    assert target(variables["POWERTOOLS_LOG_LEVEL"]) == "LogLevel"


@pytest.mark.parametrize(("function", "needed"), {**GRANTED, "ProvideModel": MAKER}.items())
def test_a_role_grants_exactly_the_actions_that_its_function_needs(function: str, needed: set[str]) -> None:
    actions = {
        action
        for owner, statement in root().role_statements()
        if owner == f"{function}Role" and statement["Sid"] not in ASKED_FOR
        for action in as_list(statement["Action"])
    }
    assert actions == needed


@pytest.mark.parametrize("function", SOURCES)
def test_a_function_consumes_only_its_own_queue(function: str) -> None:
    assert reachable(function, "sqs:ReceiveMessage") == [json.dumps({"Fn::GetAtt": [SOURCES[function], "Arn"]})]
    (mapping,) = [
        mapping["Properties"]
        for mapping in root().of_type("AWS::Lambda::EventSourceMapping").values()
        if target(mapping["Properties"]["FunctionName"]) == function
    ]
    assert target(mapping["EventSourceArn"]) == SOURCES[function]


def test_each_function_reads_only_what_its_notifications_name() -> None:
    read = {
        function: set(re.findall(r"/v1/([^\"]+)", " ".join(reachable(function, "s3:GetObject"))))
        for function in GRANTED
    }
    jobs = {f"jobs/*/{folder}/*" for folder in ("input", "kept", "rejects", "parts")}
    assert read == {
        "CollectResults": jobs | {"outputs/*"},
        "HandleFailures": jobs | {"failures/*"},
        "DispatchRetries": set(),
        "ReconcileJobs": {"outputs/*", "failures/*"},
    }


def test_no_function_writes_what_the_model_says() -> None:
    for function in GRANTED:
        assert not re.search(r"outputs|failures", " ".join(reachable(function, "s3:PutObject")))


def test_invoking_is_granted_on_the_one_endpoint() -> None:
    for function in GRANTED:
        (resource,) = reachable(function, "sagemaker:InvokeEndpointAsync")
        assert "*" not in resource


def test_the_outputs_are_the_ones_that_clients_look_for() -> None:
    assert set(root().body["Outputs"]) == {
        "KeyArn", "Bucket", "LedgerTable", "EndpointName", "SucceededTopic", "FailedTopic", "ResultsTopic",
        *(f"{queue}Queue" for queue in QUEUES),
        *(f"{queue}DeadLetterQueue" for queue in QUEUES),
        *(f"{function}Function" for function in GRANTED),
        "ReconcileJobsDeadLetterQueue",
        "ProducerPolicy", "ReaderPolicy", "OperatorPolicy",
        "AlarmTopic", "DashboardUrl", *OF_ENGINES, *OF_FILES,
    }  # fmt: skip
    for name, output in root().body["Outputs"].items():
        if name not in {"EndpointName", "AlarmTopic", "DashboardUrl", *OF_ENGINES, *OF_FILES}:
            assert target(output["Value"]) == name.removesuffix("Function").removesuffix("Arn")


def test_the_parameters_say_what_they_are_for() -> None:
    for template in (root(), endpoint(), monitoring(), studio()):
        for name, parameter in template.body["Parameters"].items():
            assert parameter.get("Description"), name


def test_the_ledger_has_the_keys_and_indexes_that_its_adapter_uses() -> None:
    table = root().properties("LedgerTable")

    def keys(schema: list[dict[str, str]]) -> list[str]:
        return [key["AttributeName"] for key in sorted(schema, key=lambda key: key["KeyType"])]

    assert keys(table["KeySchema"]) == ["job", "item"]
    assert {index["IndexName"]: keys(index["KeySchema"]) for index in table["GlobalSecondaryIndexes"]} == {
        "due": ["due_shard", "due_at"],
        "created": ["kind", "created_at"],
    }
    assert {index["Projection"]["ProjectionType"] for index in table["GlobalSecondaryIndexes"]} == {"KEYS_ONLY"}
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table["AttributeDefinitions"]}
    assert types == {"job": "S", "item": "S", "due_shard": "S", "due_at": "N", "kind": "S", "created_at": "S"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_objects_outlive_every_message_about_them() -> None:
    rules = root().properties("Bucket")["LifecycleConfiguration"]["Rules"]
    days = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    shortest_job = root().body["Parameters"]["JobRetentionDays"]["MinValue"]
    longest_message = (4 + 14) * 24 * 3600
    assert min(days["v1/outputs/"], days["v1/failures/"], shortest_job) * 24 * 3600 > longest_message


def test_the_endpoint_writes_and_notifies_where_the_consumers_look() -> None:
    config = effective(endpoint(), endpoint().properties("EndpointConfig"))
    output = config["AsyncInferenceConfig"]["OutputConfig"]
    assert output["S3OutputPath"] == {"Fn::Sub": "s3://${Bucket}/v1/outputs"}
    assert output["S3FailurePath"] == {"Fn::Sub": "s3://${Bucket}/v1/failures"}
    assert output["NotificationConfig"] == {
        "SuccessTopic": {"Ref": "SucceededTopic"},
        "ErrorTopic": {"Ref": "FailedTopic"},
    }
    assert len(endpoint().properties("EndpointConfig")["ProductionVariants"]) == 1


def test_somebody_listens_before_the_endpoint_speaks() -> None:
    subscriptions = root().of_type("AWS::SNS::Subscription")
    heard = {key for key, found in subscriptions.items() if target(found["Properties"]["TopicArn"]) != "ResultsTopic"}
    assert set(root().body["Resources"]["Endpoint"]["DependsOn"]) == heard


def test_the_root_hands_the_endpoint_every_parameter_and_uses_outputs_that_exist() -> None:
    nested = root().properties("Endpoint")
    assert set(nested["Parameters"]) == set(endpoint().body["Parameters"])
    text = json.dumps(root().body)
    for stack, template in (("Endpoint", endpoint()), ("Watch", monitoring())):
        assert set(re.findall(rf'"{stack}", "Outputs\.(\w+)"', text)) <= set(template.body["Outputs"])


def test_the_role_may_notify_from_the_start_and_read_the_model_before_there_is_one() -> None:
    # SageMaker tries sns:Publish when it creates the endpoint, and s3:GetObject when it creates the
    # model.
    own = {
        action
        for owner, found in endpoint().role_statements()
        if owner == "Role"
        for action in as_list(found["Action"])
    }
    assert "sns:Publish" in own
    assert set(endpoint().body["Resources"]["Model"]["DependsOn"]) == set(endpoint().of_type("AWS::IAM::RolePolicy"))


def test_another_model_is_let_read_beside_the_old_one() -> None:
    # A policy under another name is another policy: it is added first, and the old one is removed
    # after the update.
    assert endpoint().properties("ReadModel")["PolicyName"] == {"Fn::Sub": "ReadModel-${ModelDigest}"}
    assert endpoint().properties("Model")["Digest"] == {"Ref": "ModelDigest"}
    assert root().properties("Endpoint")["Parameters"]["ModelDigest"] == {"Fn::GetAtt": ["ModelSource", "Digest"]}


def test_why_a_model_is_refused_stands_in_the_events_of_the_root() -> None:
    # In the parent's events of a failed nested stack, CloudFormation names the failed resources but
    # not the reason.
    assert root().of_type("Custom::ModelSource")
    assert not endpoint().of_type("Custom::ModelSource")


def test_a_models_maker_touches_this_stacks_models_the_one_job_and_the_one_role() -> None:
    prefix = root().properties("Endpoint")["Parameters"]["ModelNamePrefix"]["Fn::Sub"]
    (models,) = reachable("ProvideModel", "sagemaker:CreateModel")
    assert "model/${Prefix}-*" in models
    assert json.dumps({"Prefix": {"Fn::Sub": prefix}}) in models
    assert reachable("ProvideModel", "sagemaker:DeleteModel") == [models]
    assert reachable("ProvideModel", "iam:PassRole") == []
    (passing,) = [found for owner, found in endpoint().role_statements() if owner == "PassRole"]
    assert passing["Resource"] == {"Fn::GetAtt": ["Role", "Arn"]}
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    assert endpoint().properties("PassRole")["RoleName"] == {"Ref": "ModelProviderRole"}
    assert root().properties("Endpoint")["Parameters"]["ModelProviderRole"] == {"Ref": "ProvideModelRole"}


def test_source_and_model_are_told_the_same() -> None:
    source, model = root().properties("ModelSource"), endpoint().properties("Model")
    handed = root().properties("Endpoint")["Parameters"]
    of_source = {"ServiceToken": "ModelProvider", "Image": "ModelImage", "Environment": "ModelEnvironment"}
    for name in ("ServiceToken", "AutoMLJobName", "Image", "ModelDataUrl", "Environment"):
        parameter = of_source.get(name, name)
        assert (model[name], handed[parameter]) == ({"Ref": parameter}, source[name]), name


def test_the_numbers_that_are_compared_are_the_parameters_of_the_same_names() -> None:
    numbers = root().properties("ModelSource")["Numbers"]
    assert numbers == {name: {"Ref": name} for name in numbers}
    assert set(numbers) == set(DEFAULTS)
    assert {name: root().body["Parameters"][name]["Default"] for name in numbers} == DEFAULTS


def test_a_stack_waits_longer_for_a_models_maker_than_it_may_take_and_not_an_hour() -> None:
    # Lambda retries a failed event twice, after one minute and after two.
    timeout_s = root().properties("ProvideModel")["Timeout"]
    waits = {root().properties("ModelSource")["ServiceTimeout"], endpoint().properties("Model")["ServiceTimeout"]}
    assert timeout_s > RESERVE_S + 60
    assert all(2 * timeout_s + 60 < seconds < 3600 for seconds in waits)


def test_an_endpoint_scales_only_when_it_is_told_how_far() -> None:
    scaling = {key for key, resource in endpoint().body["Resources"].items() if resource.get("Condition") == "Scales"}
    assert scaling == {"ScalableTarget"}
    assert endpoint().body["Parameters"]["MaxInstanceCount"]["Default"] == 0


def test_scaling_leaves_zero_by_an_alarm_and_follows_metrics_that_asynchronous_endpoints_publish() -> None:
    tracked = endpoint().properties("FollowBacklog")["TargetTrackingScalingPolicyConfiguration"]
    alarm = endpoint().properties("BacklogWithoutCapacity")
    metric = tracked["CustomizedMetricSpecification"]
    assert (metric["MetricName"], alarm["MetricName"]) == (
        "ApproximateBacklogSizePerInstance",
        "HasBacklogWithoutCapacity",
    )
    # Neither metric has the variant as a dimension.
    assert [dimension["Name"] for dimension in metric["Dimensions"] + alarm["Dimensions"]] == ["EndpointName"] * 2
    assert alarm["AlarmActions"] == [{"Ref": "LeaveZero"}]


@pytest.mark.parametrize(
    "path", ["template.yaml", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "infra").glob("*.yaml"))]
)
def test_a_template_spells_no_partition_out_even_in_its_outputs(path: str) -> None:
    assert "arn:aws" not in (ROOT / path).read_text()


def test_every_folder_with_a_handler_is_deployed() -> None:
    folders = {path.parent.name for path in (ROOT / "consumers/tailrace_consumers").glob("*/handler.py")}
    deployed = {function["Properties"]["Handler"].split(".")[1] for function in functions().values()}
    assert folders <= deployed
