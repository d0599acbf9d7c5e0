"""With IAM enforced, functions and pollers can do only what their roles allow."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually

pytestmark = pytest.mark.cloud


def as_function(cloud: RunningCloud, service: str) -> Any:
    """A client with the credentials of a role that trusts SageMaker."""
    (role,) = [r for r in cloud.client("iam").list_roles()["Roles"] if "Scoring" in r["RoleName"]]
    found = cloud.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    session = boto3.Session(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], cloud.region)
    return session.client(service, endpoint_url=cloud.endpoint_url)


def test_a_message_is_received_handled_and_deleted_with_the_functions_role(enforcing: RunningCloud) -> None:
    enforcing.client("sns").publish(TopicArn=enforcing.outputs["TopicArn"], Message="allowed")
    table, sqs = enforcing.client("dynamodb"), enforcing.client("sqs")
    key = {"word": {"S": "allowed"}}
    eventually(lambda: table.get_item(TableName=enforcing.outputs["TableName"], Key=key).get("Item"), what="the word")

    def empty() -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = enforcing.outputs["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return set(found.values()) == {"0"}

    eventually(empty, what="the deletion of the message")
    # A cold start may outlast the queue's seconds of visibility.
    assert int(table.get_item(TableName=enforcing.outputs["TableName"], Key=key)["Item"]["seen"]["N"]) >= 1


def test_a_role_reads_what_its_policy_names(enforcing: RunningCloud) -> None:
    enforcing.client("s3").put_object(Bucket=enforcing.outputs["Bucket"], Key="a", Body=b"x")
    answer = as_function(enforcing, "s3").get_object(Bucket=enforcing.outputs["Bucket"], Key="a")
    assert answer["Body"].read() == b"x"


def test_a_role_is_refused_what_its_policy_does_not_name(enforcing: RunningCloud) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        as_function(enforcing, "s3").delete_object(Bucket=enforcing.outputs["Bucket"], Key="a")
