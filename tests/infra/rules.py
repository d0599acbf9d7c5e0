"""What linters do not see: each rule takes a template and yields what is wrong with it, in words."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.infra.templates import FUNCTIONS, MAKERS, Template, as_list, target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUEUE, QUEUE_POLICY = "AWS::SQS::Queue", "AWS::SQS::QueuePolicy"
TOPIC, TOPIC_POLICY = "AWS::SNS::Topic", "AWS::SNS::TopicPolicy"
BUCKET, BUCKET_POLICY = "AWS::S3::Bucket", "AWS::S3::BucketPolicy"
TABLE, FUNCTION = "AWS::DynamoDB::Table", "AWS::Lambda::Function"
MAPPING, SUBSCRIPTION = "AWS::Lambda::EventSourceMapping", "AWS::SNS::Subscription"
SCHEDULE = "AWS::Scheduler::Schedule"
TRUSTED = ("lambda", "sagemaker", "scheduler")

# Actions that AWS knows no resource for.
WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken", "cloudwatch:PutMetricData", "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "sagemaker:ListAutoMLJobs",
    "sagemaker:ListApps", "sagemaker:ListSpaces", "sagemaker:ListDomains", "sagemaker:ListUserProfiles",
}  # fmt: skip
OF_OUR_ALARMS = {
    "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    "ArnLike": {
        "aws:SourceArn": {
            "Fn::Sub": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*",
        },
    },
}
NAME_PROPERTIES = {
    "BucketName", "EndpointConfigName", "EndpointName", "FunctionName", "LogGroupName", "ManagedPolicyName",
    "ModelName", "QueueName", "RoleName", "TableName", "TopicName",
}  # fmt: skip


def dead_letter_queue_of(template: Template, queue: str) -> str:
    """The logical id of a queue's dead-letter queue; empty when it has none."""
    return target(template.properties(queue).get("RedrivePolicy", {}).get("deadLetterTargetArn"))


def every_schedule_has_a_dead_letter_queue(template: Template) -> Iterator[str]:
    queues = template.of_type(QUEUE)
    for key, schedule in template.of_type(SCHEDULE).items():
        if target(schedule["Properties"]["Target"].get("DeadLetterConfig", {}).get("Arn")) not in queues:
            yield f"{key} has no dead-letter queue in this template"


def every_queue_has_a_dead_letter_queue_that_keeps_longer(template: Template) -> Iterator[str]:
    queues = template.of_type(QUEUE)
    dead = {dead_letter_queue_of(template, queue) for queue in queues}
    ticks = {
        target(schedule["Properties"]["Target"].get("DeadLetterConfig", {}).get("Arn"))
        for schedule in template.of_type(SCHEDULE).values()
    }
    for queue in queues.keys() - dead:
        letters = dead_letter_queue_of(template, queue)
        if queue in ticks:
            continue
        if letters not in queues:
            yield f"{queue} has no dead-letter queue in this template"
            continue
        if letters != queue.removesuffix("Queue") + "DeadLetterQueue":
            yield f"{queue}'s dead-letter queue is {letters}"
        kept, kept_dead = (template.properties(q).get("MessageRetentionPeriod", 345600) for q in (queue, letters))
        if kept_dead <= kept:
            yield f"{letters} keeps messages {kept_dead} s, {queue} {kept} s"
        if template.properties(queue)["RedrivePolicy"]["maxReceiveCount"] < 5:
            yield f"{queue} gives a message up after fewer than 5 receives"


def visibility_covers_the_function(template: Template) -> Iterator[str]:
    for key, mapping in template.of_type(MAPPING).items():
        properties = mapping["Properties"]
        queue, function = target(properties["EventSourceArn"]), target(properties["FunctionName"])
        needed = 6 * template.properties(function)["Timeout"] + properties.get("MaximumBatchingWindowInSeconds", 0)
        if template.properties(queue).get("VisibilityTimeout", 30) < needed:
            yield f"{key}: {queue} must hide messages for {needed} s"


def mappings_report_single_failures(template: Template) -> Iterator[str]:
    for key, mapping in template.of_type(MAPPING).items():
        properties = mapping["Properties"]
        if properties.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{key}: one bad message would bring its whole batch back"
        if "MaximumConcurrency" not in properties.get("ScalingConfig", {}):
            yield f"{key}: concurrency has no bound"


def everything_refuses_plain_http(template: Template) -> Iterator[str]:
    for kind, policy_kind, action, paths in (
        (QUEUE, QUEUE_POLICY, "sqs:*", [""]),
        (TOPIC, TOPIC_POLICY, "sns:Publish", [""]),
        (BUCKET, BUCKET_POLICY, "s3:*", ["", "/*"]),
    ):
        denied = [
            json.dumps(resource)
            for _, statement in template.policy_statements(policy_kind)
            if (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", action)
            and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            for resource in as_list(statement["Resource"])
        ]
        for key in template.of_type(kind):
            for path in paths:
                spellings = (
                    [{"Ref": key}, {"Fn::GetAtt": [key, "Arn"]}] if not path else [{"Fn::Sub": f"${{{key}.Arn}}{path}"}]
                )
                if not any(json.dumps(spelling) in denied for spelling in spellings):
                    yield f"{key}{path} can be reached without TLS"


def policies_stand_on_what_they_speak_of(template: Template) -> Iterator[str]:
    for kind, attached in ((QUEUE_POLICY, "Queues"), (TOPIC_POLICY, "Topics")):
        for key, statement in template.policy_statements(kind):
            names = [target(reference) for reference in template.properties(key)[attached]]
            if [target(resource) for resource in as_list(statement["Resource"])] != names:
                yield f"{key}: {statement['Sid']} is about another resource than the policy is attached to"


def services_send_only_for_one_source(template: Template) -> Iterator[str]:
    for kind in (QUEUE_POLICY, TOPIC_POLICY, BUCKET_POLICY):
        for key, statement in template.policy_statements(kind):
            if statement["Effect"] == "Deny":
                continue
            condition = statement.get("Condition", {})
            source = target(condition.get("ArnEquals", {}).get("aws:SourceArn"))
            if source not in template.of_type(TOPIC) and condition != OF_OUR_ALARMS:
                yield f"{key}: {statement['Sid']} lets any source in"


def subscriptions_can_deliver_and_lose_nothing(template: Template) -> Iterator[str]:
    allowed = {
        (target(statement["Resource"]), target(statement["Condition"]["ArnEquals"]["aws:SourceArn"]))
        for _, statement in template.policy_statements(QUEUE_POLICY)
        if statement["Effect"] == "Allow" and "ArnEquals" in statement.get("Condition", {})
    }
    for key, subscription in template.of_type(SUBSCRIPTION).items():
        properties = subscription["Properties"]
        if properties["Protocol"] == "email":
            continue
        topic, queue = target(properties["TopicArn"]), target(properties["Endpoint"])
        letters = target(properties.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        if not properties.get("RawMessageDelivery"):
            yield f"{key} wraps messages"
        if not letters:
            yield f"{key} has no dead-letter queue"
        for receiver in filter(None, (queue, letters)):
            if (receiver, topic) not in allowed:
                yield f"{key}: {receiver} does not let {topic} send"


def topics_take_messages_only_from_named_roles(template: Template) -> Iterator[str]:
    guarded = {
        target(statement["Resource"])
        for _, statement in template.policy_statements(TOPIC_POLICY)
        if statement["Effect"] == "Deny"
        and "aws:PrincipalArn" in statement.get("Condition", {}).get("ArnNotEquals", {})
    }
    # Producers, whose roles the template does not know, publish the end of a job that they were the last to look at.
    # Nothing but people acts on what the topic of alarms says.
    for topic in template.of_type(TOPIC).keys() - guarded - {"ResultsTopic", "AlarmTopic"}:
        yield f"anybody in the account can publish to {topic}"


def data_at_rest_is_encrypted(template: Template) -> Iterator[str]:
    for queue in template.of_type(QUEUE):
        properties = template.properties(queue)
        if properties.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in properties:
            yield f"{queue} is not encrypted"
    for bucket in template.of_type(BUCKET):
        if not template.properties(bucket).get("BucketEncryption"):
            yield f"{bucket} is not encrypted"
    for table in template.of_type(TABLE):
        if template.properties(table).get("SSESpecification", {}).get("SSEEnabled") is not True:
            yield f"{table} is not encrypted"


def the_bucket_is_private_and_tidy(template: Template) -> Iterator[str]:
    for bucket in template.of_type(BUCKET):
        properties = template.properties(bucket)
        block = properties.get("PublicAccessBlockConfiguration", {})
        if [value for value in block.values() if value is True] != [True] * 4:
            yield f"{bucket} does not block all public access"
        if properties.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{bucket} has ACLs"
        if properties.get("VersioningConfiguration") != {"Status": "Enabled"}:
            yield f"{bucket} keeps no versions"
        rules = [
            rule
            for rule in properties.get("LifecycleConfiguration", {}).get("Rules", [])
            if rule["Status"] == "Enabled"
        ]
        for prefix in ("v1/jobs/", "v1/outputs/", "v1/failures/"):
            if not any(rule.get("Prefix") == prefix and "ExpirationInDays" in rule for rule in rules):
                yield f"{bucket}: {prefix} never expires"
        for clean_up in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
            if not any(clean_up in rule and "Prefix" not in rule for rule in rules):
                yield f"{bucket} has no {clean_up} for everything"


def data_outlives_the_stack(template: Template) -> Iterator[str]:
    for kind in (BUCKET, TABLE):
        for key, resource in template.of_type(kind).items():
            if {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} != {"Retain"}:
                yield f"{key} goes with the stack"
    for table in template.of_type(TABLE):
        properties = template.properties(table)
        if properties.get("DeletionProtectionEnabled") is not True:
            yield f"{table} can be deleted"
        if properties.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            yield f"{table} cannot be restored"


def roles_grant_single_actions_on_single_resources(template: Template) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for role, statement in template.role_statements():
        sid = statement.get("Sid", "")
        if not sid or (role, sid) in seen:
            yield f"{role}: the Sid {sid!r} is missing or taken"
        seen.add((role, sid))
        actions = as_list(statement["Action"])
        if any("*" in action for action in actions):
            yield f"{role}: {sid} grants a wildcard action"
        if "NotAction" in statement or "NotResource" in statement:
            yield f"{role}: {sid} grants what it does not name"
        for resource in as_list(statement["Resource"]):
            if resource == "*" and not WITHOUT_RESOURCE.issuperset(actions):
                yield f"{role}: {sid} grants {actions} on everything"


def roles_trust_one_service(template: Template) -> Iterator[str]:
    for role in template.of_type("AWS::IAM::Role"):
        (trust,) = template.properties(role)["AssumeRolePolicyDocument"]["Statement"]
        service = trust["Principal"].get("Service")
        if trust["Action"] != "sts:AssumeRole" or service not in {f"{name}.amazonaws.com" for name in TRUSTED}:
            yield f"{role} trusts {trust['Principal']}"
        account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        # Lambda assumes roles without naming a source.
        if service != "lambda.amazonaws.com" and trust.get("Condition") != account:
            yield f"{role} works for other accounts"


def functions_have_a_role_and_a_log_group_of_their_own(template: Template) -> Iterator[str]:
    for function in template.of_type(FUNCTION):
        properties = template.properties(function)
        if function not in FUNCTIONS + MAKERS:
            yield f"{function} is not in consumers/Makefile"
        folder = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", function).lower()
        if properties["Handler"] != f"tailrace_consumers.{folder}.handler.handler":
            yield f"{function} is handled by {properties['Handler']}"
        if properties["Environment"]["Variables"].get("POWERTOOLS_SERVICE_NAME") != folder:
            yield f"{function} logs under another name than {folder}"
        if target(properties["Role"]) != f"{function}Role":
            yield f"{function} shares a role"
        group = target(properties.get("LoggingConfig", {}).get("LogGroup"))
        if group != f"{function}LogGroup":
            yield f"{function} logs to {group or 'a group that Lambda makes'}"
        elif "RetentionInDays" not in template.properties(group):
            yield f"{group} keeps logs for ever"
        if "LogGroup}:*" not in json.dumps(template.properties(f"{function}Role")).replace(group, "LogGroup"):
            yield f"{function} cannot write to {group}"


def nothing_is_named_by_hand(template: Template) -> Iterator[str]:
    for key, resource in template.body["Resources"].items():
        if resource["Type"] == "AWS::IAM::RolePolicy":
            continue  # its RoleName is not its own
        for name in NAME_PROPERTIES & resource.get("Properties", {}).keys():
            value = resource["Properties"][name]
            # What names another resource of the template refers to it; anything else is a name.
            if target(value) not in template.body["Resources"]:
                yield f"{key} is named {value!r}"


def partitions_are_not_spelt_out(template: Template) -> Iterator[str]:
    for text in _strings(template.body["Resources"]):
        if re.search(r"arn:aws", text):
            yield f"{text!r} names a partition"
        if "amazonaws.com" in text and not re.fullmatch(r"[a-z]+\.amazonaws\.com", text):
            yield f"{text!r} names a URL suffix"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _strings(entry)


RULES: tuple[Callable[[Template], Iterator[str]], ...] = (
    every_schedule_has_a_dead_letter_queue,
    every_queue_has_a_dead_letter_queue_that_keeps_longer,
    visibility_covers_the_function,
    mappings_report_single_failures,
    everything_refuses_plain_http,
    policies_stand_on_what_they_speak_of,
    services_send_only_for_one_source,
    subscriptions_can_deliver_and_lose_nothing,
    topics_take_messages_only_from_named_roles,
    data_at_rest_is_encrypted,
    the_bucket_is_private_and_tidy,
    data_outlives_the_stack,
    roles_grant_single_actions_on_single_resources,
    roles_trust_one_service,
    functions_have_a_role_and_a_log_group_of_their_own,
    nothing_is_named_by_hand,
    partitions_are_not_spelt_out,
)


def findings(template: Template) -> list[str]:
    """What all rules find in a template."""
    return [f"{rule.__name__}: {finding}" for rule in RULES for finding in rule(template)]
