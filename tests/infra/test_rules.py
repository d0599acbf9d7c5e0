"""The templates keep the rules, and each rule notices the flaw that it is there for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.infra import rules, templates

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.infra.templates import Template


@pytest.mark.parametrize(
    "load",
    [templates.root, templates.endpoint, templates.monitoring, templates.studio],
    ids=["root", "endpoint", "monitoring", "studio"],
)
def test_the_template_keeps_every_rule(load: Callable[[], Template]) -> None:
    assert rules.findings(load()) == []


def properties(logical_id: str) -> Callable[[Template], dict[str, Any]]:
    return lambda template: template.properties(logical_id)


def statement(policy: str, sid: str) -> Callable[[Template], dict[str, Any]]:
    def find(template: Template) -> dict[str, Any]:
        for found in templates.statements(template.properties(policy)["PolicyDocument"]):
            if found["Sid"] == sid:
                return found
        raise KeyError(f"{policy} has no statement {sid}")

    return find


def grant(role: str, sid: str) -> Callable[[Template], dict[str, Any]]:
    def find(template: Template) -> dict[str, Any]:
        return next(found for owner, found in template.role_statements() if (owner, found["Sid"]) == (role, sid))

    return find


def trust(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = template.properties("Role")["AssumeRolePolicyDocument"]["Statement"][0]
    return found


def put(place: Callable[[Template], dict[str, Any]], key: str, value: Any) -> Callable[[Template], None]:
    return lambda template: place(template).update({key: value})


def drop(place: Callable[[Template], dict[str, Any]], key: str) -> Callable[[Template], None]:
    return lambda template: place(template).__delitem__(key)


def resources(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = template.body["Resources"]
    return found


def resource(logical_id: str) -> Callable[[Template], Any]:
    return lambda template: resources(template)[logical_id]


def arn(logical_id: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


ROOT_FLAWS: list[tuple[str, Callable[[Template], None]]] = [
    ("every_queue_has_a_dead_letter_queue_that_keeps_longer", drop(properties("ParkedQueue"), "RedrivePolicy")),
    (
        "every_queue_has_a_dead_letter_queue_that_keeps_longer",
        put(properties("ResultsQueue"), "MessageRetentionPeriod", 1209600),
    ),
    (
        "every_queue_has_a_dead_letter_queue_that_keeps_longer",
        drop(properties("FailedDeadLetterQueue"), "MessageRetentionPeriod"),
    ),
    (
        "every_queue_has_a_dead_letter_queue_that_keeps_longer",
        put(
            properties("RetriesQueue"),
            "RedrivePolicy",
            {"deadLetterTargetArn": arn("RetriesDeadLetterQueue"), "maxReceiveCount": 2},
        ),
    ),
    (
        "every_schedule_has_a_dead_letter_queue",
        drop(lambda template: properties("ReconcileJobsSchedule")(template)["Target"], "DeadLetterConfig"),
    ),
    ("visibility_covers_the_function", put(properties("SucceededQueue"), "VisibilityTimeout", 719)),
    ("visibility_covers_the_function", put(properties("DispatchRetries"), "Timeout", 61)),
    ("visibility_covers_the_function", put(properties("HandleFailuresFailed"), "MaximumBatchingWindowInSeconds", 1)),
    ("mappings_report_single_failures", drop(properties("CollectResultsSucceeded"), "FunctionResponseTypes")),
    ("mappings_report_single_failures", drop(properties("CollectResultsSucceeded"), "ScalingConfig")),
    ("everything_refuses_plain_http", drop(resources, "ParkedDeadLetterQueuePolicy")),
    (
        "everything_refuses_plain_http",
        put(statement("BucketPolicy", "DenyInsecureTransport"), "Resource", arn("Bucket")),
    ),
    ("everything_refuses_plain_http", put(statement("FailedTopicPolicy", "DenyInsecureTransport"), "Effect", "Allow")),
    (
        "policies_stand_on_what_they_speak_of",
        put(properties("FailedQueuePolicy"), "Queues", [{"Ref": "SucceededQueue"}]),
    ),
    ("services_send_only_for_one_source", drop(statement("SucceededQueuePolicy", "AllowTopic"), "Condition")),
    (
        "services_send_only_for_one_source",
        put(
            statement("ResultsQueuePolicy", "AllowTopic"),
            "Condition",
            {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        ),
    ),
    (
        "subscriptions_can_deliver_and_lose_nothing",
        put(
            statement("SucceededQueuePolicy", "AllowTopic"),
            "Condition",
            {"ArnEquals": {"aws:SourceArn": {"Ref": "FailedTopic"}}},
        ),
    ),
    ("subscriptions_can_deliver_and_lose_nothing", drop(properties("FailedSubscription"), "RedrivePolicy")),
    ("subscriptions_can_deliver_and_lose_nothing", drop(properties("FailedSubscription"), "RawMessageDelivery")),
    (
        "topics_take_messages_only_from_named_roles",
        drop(statement("FailedTopicPolicy", "DenyForgedNotifications"), "Condition"),
    ),
    (
        "topics_take_messages_only_from_named_roles",
        put(statement("SucceededTopicPolicy", "DenyForgedNotifications"), "Effect", "Allow"),
    ),
    ("data_at_rest_is_encrypted", put(properties("ResultsDeadLetterQueue"), "SqsManagedSseEnabled", "false")),
    ("data_at_rest_is_encrypted", drop(properties("Bucket"), "BucketEncryption")),
    ("data_at_rest_is_encrypted", drop(properties("LedgerTable"), "SSESpecification")),
    ("the_bucket_is_private_and_tidy", drop(properties("Bucket"), "PublicAccessBlockConfiguration")),
    ("the_bucket_is_private_and_tidy", drop(properties("Bucket"), "LifecycleConfiguration")),
    ("the_bucket_is_private_and_tidy", put(properties("Bucket"), "VersioningConfiguration", {"Status": "Suspended"})),
    ("data_outlives_the_stack", drop(resource("LedgerTable"), "DeletionPolicy")),
    ("data_outlives_the_stack", put(resource("Bucket"), "UpdateReplacePolicy", "Delete")),
    ("data_outlives_the_stack", drop(properties("LedgerTable"), "DeletionProtectionEnabled")),
    ("data_outlives_the_stack", drop(properties("LedgerTable"), "PointInTimeRecoverySpecification")),
    (
        "roles_grant_single_actions_on_single_resources",
        put(grant("CollectResultsRole", "KeepLedger"), "Action", "dynamodb:*"),
    ),
    ("roles_grant_single_actions_on_single_resources", put(grant("HandleFailuresRole", "SendOn"), "Resource", "*")),
    ("roles_grant_single_actions_on_single_resources", drop(grant("DispatchRetriesRole", "InvokeModel"), "Sid")),
    (
        "functions_have_a_role_and_a_log_group_of_their_own",
        put(properties("DispatchRetries"), "Handler", "tailrace_consumers.collect_results.handler.handler"),
    ),
    (
        "functions_have_a_role_and_a_log_group_of_their_own",
        put(properties("DispatchRetries"), "Role", arn("HandleFailuresRole")),
    ),
    ("functions_have_a_role_and_a_log_group_of_their_own", drop(properties("DispatchRetries"), "LoggingConfig")),
    (
        "functions_have_a_role_and_a_log_group_of_their_own",
        drop(properties("CollectResultsLogGroup"), "RetentionInDays"),
    ),
    ("nothing_is_named_by_hand", put(properties("ResultsQueue"), "QueueName", "results")),
    ("nothing_is_named_by_hand", put(properties("LedgerTable"), "TableName", {"Fn::Sub": "${AWS::StackName}-ledger"})),
    (
        "partitions_are_not_spelt_out",
        put(
            grant("CollectResultsRole", "SendOn"), "Resource", {"Fn::Sub": "arn:aws:sqs:eu-west-1:${AWS::AccountId}:x"}
        ),
    ),
    (
        "partitions_are_not_spelt_out",
        put(properties("ResultsSubscription"), "Endpoint", "https://sqs.eu-west-1.amazonaws.com/1/x"),
    ),
]
ENDPOINT_FLAWS: list[tuple[str, Callable[[Template], None]]] = [
    ("roles_grant_single_actions_on_single_resources", put(grant("ReadModel", "ReadArchives"), "Resource", "*")),
    (
        "roles_grant_single_actions_on_single_resources",
        put(grant("Role", "WriteOutputsAndFailures"), "Action", ["s3:Put*"]),
    ),
    ("roles_trust_one_service", put(trust, "Principal", {"AWS": "*"})),
    ("roles_trust_one_service", drop(trust, "Condition")),
    ("nothing_is_named_by_hand", put(properties("Endpoint"), "EndpointName", {"Ref": "AWS::StackName"})),
    (
        "partitions_are_not_spelt_out",
        put(grant("Role", "ReadInputs"), "Resource", {"Fn::Sub": "arn:aws:s3:::${Bucket}/v1/jobs/*/input/*"}),
    ),
]


@pytest.mark.parametrize(
    ("load", "rule", "plant"),
    [
        pytest.param(load, rule, plant, id=f"{rule}-{number}")
        for load, flaws in ((templates.root, ROOT_FLAWS), (templates.endpoint, ENDPOINT_FLAWS))
        for number, (rule, plant) in enumerate(flaws)
    ],
)
def test_a_planted_flaw_is_found_by_its_rule(
    load: Callable[[], Template], rule: str, plant: Callable[[Template], None]
) -> None:
    template = load().copy()
    plant(template)
    assert any(finding.startswith(f"{rule}: ") for finding in rules.findings(template))


def test_every_rule_has_a_flaw_planted_for_it() -> None:
    assert {rule for rule, _ in ROOT_FLAWS + ENDPOINT_FLAWS} == {rule.__name__ for rule in rules.RULES}
