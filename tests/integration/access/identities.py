"""Users of the enforcing cloud, each with one managed policy of the stack and nothing else."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from tailrace_local.testing import RunningCloud


@dataclass(frozen=True)
class Person:
    """A user, and the credentials of its AWS clients."""

    name: str
    arn: str
    environment: dict[str, str]
    session: boto3.Session

    def client(self, service: str) -> Any:
        """Create a boto3 client with the user's keys."""
        return self.session.client(service, endpoint_url=self.environment["AWS_ENDPOINT_URL"])


@contextmanager
def person(cloud: RunningCloud, name: str, policy_arn: str) -> Iterator[Person]:
    """Create a user with one policy for the duration of the block."""
    iam = cloud.client("iam")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=policy_arn)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=cloud.region)
    try:
        yield Person(name, arn, {**cloud.environment, **keys}, session)
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.detach_user_policy(UserName=name, PolicyArn=policy_arn)
        iam.delete_user(UserName=name)


@contextmanager
def function_of(cloud: RunningCloud, name: str, policy_arn: str) -> Iterator[tuple[str, str]]:
    """Create a foreign function whose role has one policy.

    Yield the role's ARN and the function's name.
    """
    iam, functions = cloud.client("iam"), cloud.client("lambda")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy_arn)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("code.py", "def handler(event, context): pass\n")
    functions.create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.13",
        Handler="code.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    try:
        yield role, name
    finally:
        functions.delete_function(FunctionName=name)
        iam.detach_role_policy(RoleName=name, PolicyArn=policy_arn)
        iam.delete_role(RoleName=name)
