"""Deployment scenarios: their parameters, and the resolved stacks of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.infra.resolution import Known, resolve, unknown
from tests.infra.templates import Template, as_deployed

NESTED = "AWS::CloudFormation::Stack"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/models/demand@sha256:" + 64 * "0"
VPC, GROUP = "vpc-0d4e5f60718293a4b", "sg-0c3d4e5f60718293a"
SUBNETS = "subnet-0a1b2c3d4e5f60718,subnet-0b1c2d3e4f5061728"
ACCOUNT_ARN = "arn:aws:iam::123456789012"


@dataclass(frozen=True)
class Scenario:
    """One way to deploy the root."""

    name: str
    parameters: Mapping[str, str] = field(hash=False)
    root: str = "template.yaml"

    def template(self, path: str) -> Template:
        """Return a template as CloudFormation gets it, before parameters are filled in."""
        return as_deployed(path, tracing=self.parameters.get("Tracing", "Disabled"))


DEFAULT = Scenario("default", {"ModelImage": IMAGE, "ModelDataUrl": "s3://models/demand/model.tar.gz"})
# All options for platform requirements.
HARDENED = Scenario(
    "hardened",
    {
        **DEFAULT.parameters,
        "AccessLogBucket": "access-logs",
        "CodeSigningConfigArn": "arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0",
        "CustomerManagedKey": "true",
        "Inbox": "true",
        "LedgerMaxReadUnits": "4000",
        "LedgerMaxWriteUnits": "4000",
        "LogRetentionDays": "365",
        "MaxInstanceCount": "4",
        "ModelSecurityGroupIds": GROUP,
        "ModelSubnetIds": SUBNETS,
        "PermissionsBoundaryArn": f"{ACCOUNT_ARN}:policy/boundary",
        "ReservedConcurrency": "10",
        "SourceArns": "arn:aws:s3:::lake/landing/*",
        "SourceBucketArns": "arn:aws:s3:::lake",
        "SourceKeyArns": "arn:aws:kms:eu-west-1:123456789012:key/1b2c3d4e-5f60-7182-93a4-b5c6d7e8f90a",
        "StudioSecurityGroupIds": GROUP,
        "StudioSubnetIds": SUBNETS,
        "StudioVpcId": VPC,
        "Tracing": "Active",
    },
)
EXISTING = Scenario("existing", {"EndpointName": "demand", "EndpointRoleArn": f"{ACCOUNT_ARN}:role/endpoint"})
CANDIDATE = Scenario("candidate", {"AutoMLJobName": "demand", "MaxInstanceCount": "4"})
# The other kinds of endpoint: one with everything, one by itself, and none.
REALTIME = Scenario(
    "realtime", {**HARDENED.parameters, "EndpointKind": "realtime", "BatchTransform": "true", "MinInstanceCount": "1"}
)
SERVERLESS = Scenario(
    "serverless",
    {
        **DEFAULT.parameters,
        "EndpointKind": "serverless",
        "ModelNetworkIsolation": "false",
        "ServerlessProvisionedConcurrency": "1",
        "ServerlessMaxProvisionedConcurrency": "4",
    },
)
TRANSFORM = Scenario("transform", {**DEFAULT.parameters, "EndpointKind": "none"})
# The role that deploys all the others, for stacks with everything.
DEPLOYING = Scenario(
    "deployer",
    {
        "TrustedPrincipalArn": f"{ACCOUNT_ARN}:role/pipeline",
        "PermissionsBoundaryArn": f"{ACCOUNT_ARN}:policy/boundary",
        "ArtifactsBucket": "bucket",
        "ManagesKey": "true",
        "ManagesStudio": "true",
    },
    root="infra/deployer.yaml",
)
# A queue of events for one more service, beside a stack with a key.
FAN_OUT = Scenario(
    "fan-out",
    {
        "Pipeline": "tailrace",
        "ResultsTopic": "arn:aws:sns:eu-west-1:123456789012:tailrace-ResultsTopic",
        "Bucket": "tailrace-bucket",
        "KeyArn": "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
        "Endpoints": "demand",
        "AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:tailrace-AlarmTopic",
        "EventBusArn": "arn:aws:events:eu-west-1:123456789012:event-bus/billing",
    },
    root="infra/fan-out.yaml",
)
# What training takes, before or beside a stack that scores.
TRAINING = Scenario(
    "training", {"PermissionsBoundaryArn": f"{ACCOUNT_ARN}:policy/boundary"}, root="infra/training.yaml"
)
SCENARIOS = (DEFAULT, HARDENED, EXISTING, CANDIDATE, REALTIME, SERVERLESS, TRANSFORM)


def stacks(
    scenario: Scenario, known: Known = unknown, load: Callable[[str], Template] | None = None
) -> dict[str, Template]:
    """Return the resolved root and nested stacks of a deployment, by template path."""
    load = load or scenario.template
    root = resolve(load(scenario.root), scenario.parameters, known)
    return {root.name: root} | dict(_nested(root, known, load))


def _nested(parent: Template, known: Known, load: Callable[[str], Template]) -> Iterator[tuple[str, Template]]:
    for stack in parent.of_type(NESTED).values():
        properties: dict[str, Any] = stack["Properties"]
        child = resolve(load(properties["TemplateURL"]), properties.get("Parameters", {}), known)
        yield child.name, child
        yield from _nested(child, known, load)
