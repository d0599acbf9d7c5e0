"""Bucket, queues and topics refuse requests without TLS, whatever the caller's permissions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.integration.deployment.conftest import Base

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def administrator(base: Base) -> Iterator[boto3.Session]:
    """A user whose own policy allows everything."""
    iam, cloud = base.stack.cloud.client("iam"), base.stack.cloud
    iam.create_user(UserName="administrator")
    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    iam.put_user_policy(UserName="administrator", PolicyName="Everything", PolicyDocument=policy)
    key = iam.create_access_key(UserName="administrator")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=cloud.region)
    yield session
    iam.delete_access_key(UserName="administrator", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="administrator", PolicyName="Everything")
    iam.delete_user(UserName="administrator")


def get_json(base: Base, session: boto3.Session, service: str, *, plainly: bool) -> None:
    facts, outputs = base.stack.cloud.facts, base.stack.outputs
    url = facts.own_url if plainly else facts.endpoint_url
    client: Any = session.client(service, endpoint_url=url, verify=facts.ca_bundle)
    match service:
        case "s3":
            client.list_objects_v2(Bucket=outputs["Bucket"])
        case "sqs":
            client.send_message(QueueUrl=outputs["ResultsQueue"].replace(facts.endpoint_url, url), MessageBody="{}")
        case "sns":
            client.publish(TopicArn=outputs["ResultsTopic"], Message="{}")


@pytest.mark.parametrize("service", ["s3", "sqs", "sns"])
def test_what_an_administrator_may_over_tls_is_refused_without(
    base: Base, administrator: boto3.Session, service: str
) -> None:
    get_json(base, administrator, service, plainly=False)
    with pytest.raises(ClientError, match=r"AccessDenied|Authorization"):
        get_json(base, administrator, service, plainly=True)
