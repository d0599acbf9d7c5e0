"""The role of infra/deployer.yaml on the local cloud, and sessions of it with an action taken away."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tailrace_local.control.deployment import client
from tailrace_local.testing import RunningCloud
from tests.infra.templates import ROOT
from tests.integration.local.polling import eventually

STACK_NAME = "tailrace"
_PIPELINE = "pipeline"


@dataclass(frozen=True)
class Deployer:
    """A pipeline's identity, which may do nothing but assume the role."""

    cloud: RunningCloud
    role: str
    pipeline: dict[str, str]

    def credentials(self, *, without: Iterable[str] = ()) -> dict[str, str]:
        """Return the environment variables of a session of the role, which may not do some actions."""
        statements: list[dict[str, Any]] = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        if taken := list(without):
            statements.append({"Effect": "Deny", "Action": taken, "Resource": "*"})
        sts = client(self.cloud.facts, "sts", self.pipeline)
        session = sts.assume_role(
            RoleArn=self.role,
            RoleSessionName="deployment",
            Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )["Credentials"]
        return self.pipeline | {
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }


def deploy_deployer(cloud: RunningCloud) -> Deployer:
    """Deploy infra/deployer.yaml as an administrator, for a new user."""
    iam, cloudformation = cloud.client("iam"), cloud.client("cloudformation")
    user = iam.create_user(UserName=_PIPELINE)["User"]["Arn"]
    key = iam.create_access_key(UserName=_PIPELINE)["AccessKey"]
    given = {
        "TrustedPrincipalArn": user,
        "StackName": STACK_NAME,
        "ArtifactsBucket": "tailrace-artifacts-*",
        "ManagesKey": "true",
    }
    cloudformation.create_stack(
        StackName="deployer",
        TemplateBody=(ROOT / "infra/deployer.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
    )

    def look() -> str | None:
        (stack,) = cloudformation.describe_stacks(StackName="deployer")["Stacks"]
        assert not stack["StackStatus"].startswith("ROLLBACK"), stack
        return stack["Outputs"][0]["OutputValue"] if stack["StackStatus"] == "CREATE_COMPLETE" else None

    role = eventually(look, within_s=60, what="the deployer's role")
    policy = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}
    iam.put_user_policy(
        UserName=_PIPELINE,
        PolicyName="Deploy",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [policy]}),
    )
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return Deployer(cloud, str(role), cloud.facts.credentials | keys)
