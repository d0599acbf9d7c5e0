"""Resource policies: they refuse plain HTTP, and services that act for other sources."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.infra.rules.shapes import (
    BUCKET,
    BUCKET_POLICY,
    QUEUE,
    QUEUE_POLICY,
    TOPIC,
    TOPIC_POLICY,
)
from tests.infra.templates import TRAINING, Template, as_list, target

# Producers, whose roles the template does not know, publish the end of a job that they finish. Only
# people act on the topic of the alarms.
OPEN_TO_THE_ACCOUNT = {"AlarmTopic", "ResultsTopic"}
MODELS_WORDS = ("v1/outputs/*", "v1/failures/*")


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
                arn = {"Fn::GetAtt": [key, "Arn"]}
                spellings = [{"Fn::Join": ["", [arn, path]]}] if path else [{"Ref": key}, arn]
                if not any(json.dumps(spelling) in denied for spelling in spellings):
                    yield f"{key}{path} can be reached without TLS"


def is_one_arn(value: object, service: str) -> bool:
    """Return whether a value is the ARN of one resource, as a parameter gave it."""
    return isinstance(value, str) and value.startswith(f"arn:aws:{service}:") and "*" not in value


def services_send_only_for_one_source(template: Template) -> Iterator[str]:
    for kind in (QUEUE_POLICY, BUCKET_POLICY):
        for key, statement in template.policy_statements(kind):
            if statement["Effect"] == "Deny":
                continue
            if "Service" not in (statement["Principal"] if isinstance(statement["Principal"], dict) else {}):
                yield f"{key}: {statement['Sid']} lets {statement['Principal']} in"
            source = statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn")
            sources = {*template.of_type(TOPIC), *template.of_type("AWS::Events::Rule"), "ResultsTopic"}
            if target(source) not in sources and not is_one_arn(source, "sns"):
                yield f"{key}: {statement['Sid']} lets any source in"


def topics_let_services_publish_only_for_this_account(template: Template) -> Iterator[str]:
    account = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    for key, statement in template.policy_statements(TOPIC_POLICY):
        if statement["Effect"] == "Allow" and (
            set(statement["Principal"]) != {"Service"} or statement.get("Condition", {}).get("StringEquals") != account
        ):
            yield f"{key}: {statement['Sid']} lets {statement['Principal']} in, whoever asked it to"


def topics_take_messages_only_from_named_roles(template: Template) -> Iterator[str]:
    guarded = {
        target(statement["Resource"])
        for _, statement in template.policy_statements(TOPIC_POLICY)
        if statement["Effect"] == "Deny"
        and "aws:PrincipalArn" in statement.get("Condition", {}).get("ArnNotEquals", {})
    }
    for topic in template.of_type(TOPIC).keys() - guarded - OPEN_TO_THE_ACCOUNT:
        yield f"anybody in the account can publish to {topic}"


def only_the_endpoint_writes_what_the_model_says(template: Template) -> Iterator[str]:
    for bucket in template.of_type(BUCKET):
        guarded = {
            json.dumps(resource)
            for _, statement in template.policy_statements(BUCKET_POLICY)
            if (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:PutObject")
            and "aws:PrincipalArn" in statement.get("Condition", {}).get("ArnNotEquals", {})
            for resource in as_list(statement["Resource"])
        }
        for path in () if template.name == TRAINING else MODELS_WORDS:
            if json.dumps({"Fn::Sub": f"${{{bucket}.Arn}}/{path}"}) not in guarded:
                yield f"{bucket}/{path} can be written by anybody in the account"


def objects_are_locked_with_no_foreign_key(template: Template) -> Iterator[str]:
    keys = ("customer-algorithm", "aws-kms-key-id")
    for bucket in template.of_type(BUCKET):
        refused = {
            name
            for _, statement in template.policy_statements(BUCKET_POLICY)
            if (statement["Effect"], statement["Action"]) == ("Deny", "s3:PutObject")
            and statement["Resource"] == {"Fn::Sub": f"${{{bucket}.Arn}}/*"}
            for name, value in statement["Condition"].get("Null", {}).items()
            if value == "false"
        }
        for key in keys:
            if f"s3:x-amz-server-side-encryption-{key}" not in refused:
                yield f"{bucket}: whoever writes may lock objects with a key of their own ({key})"


RULES = (
    everything_refuses_plain_http,
    services_send_only_for_one_source,
    topics_let_services_publish_only_for_this_account,
    topics_take_messages_only_from_named_roles,
    only_the_endpoint_writes_what_the_model_says,
    objects_are_locked_with_no_foreign_key,
)
