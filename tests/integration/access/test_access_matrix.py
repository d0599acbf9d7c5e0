"""The access matrix on a deployed stack.

Tests/infra/test_access.py checks the templates against it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tailrace_local.testing import RunningCloud
from tests.infra.access.matrix import MATRIX, OPERATOR, PRODUCER, READER, disagreements
from tests.infra.access.policies import Statement
from tests.integration.access.grants import ROLE, Holder, holders
from tests.integration.access.identities import person
from tests.integration.access.steps.sources import LAKE

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Deployed:
    """The stack's policies, of identities and on resources."""

    cloud: RunningCloud
    holders: dict[str, Holder]
    _standing: dict[str, Sequence[Statement]] = field(default_factory=dict)

    def arn(self, name: str) -> str:
        """Return the ARN of an output's resource, with the part after the first slash, or of a role."""
        output, slash, rest = name.partition("/")
        facts = self.cloud.facts
        if output.endswith("Role"):
            return self.principal(output)
        if output == "TransformJob":
            return f"arn:aws:sagemaker:{facts.region}:{facts.account_id}:transform-job/tailrace-any"
        if output == "Source":
            return f"arn:aws:s3:::{LAKE}{slash}{rest}"
        if output in {"CuttingExecution", "CuttingMapRun"}:
            kind, of = ("execution", ":any") if output == "CuttingExecution" else ("mapRun", "/Count:any")
            return self.cloud.outputs["CuttingStateMachine"].replace("stateMachine", kind) + of
        if (called := output.removesuffix("Function")) in self.cloud.functions:
            return f"arn:aws:lambda:{facts.region}:{facts.account_id}:function:{self.cloud.functions[called]}"
        value = self.cloud.outputs.get(output) or self.cloud.outputs[f"{output}Url"]
        account = f"{facts.region}:{facts.account_id}"
        base = {
            "Bucket": f"arn:aws:s3:::{value}",
            "LedgerTable": f"arn:aws:dynamodb:{account}:table/{value}",
            "EndpointName": f"arn:aws:sagemaker:{account}:endpoint/{value}",
        }.get(output, value)
        if output.endswith("Function"):
            base = f"arn:aws:lambda:{account}:function:{value}"
        if output.endswith("Queue"):
            base = f"arn:aws:sqs:{account}:{value.rsplit('/', 1)[-1]}"
        return f"{base}{slash}{rest}"

    def resource_policy(self, name: str) -> Sequence[Statement]:
        """Return the statements of a resource's own policy."""
        output = name.partition("/")[0]
        if output not in self._standing:
            self._standing[output] = self._read(output)
        return self._standing[output]

    def _read(self, output: str) -> Sequence[Statement]:
        outputs = self.cloud.outputs
        value = outputs.get(output) or outputs.get(f"{output}Url", "")
        if output == "Bucket":
            text = self.cloud.client("s3").get_bucket_policy(Bucket=value)["Policy"]
        elif output.endswith("Topic"):
            text = self.cloud.client("sns").get_topic_attributes(TopicArn=value)["Attributes"]["Policy"]
        elif output.endswith("Queue"):
            names = {"QueueUrl": value, "AttributeNames": ["Policy"]}
            text = self.cloud.client("sqs").get_queue_attributes(**names)["Attributes"]["Policy"]
        else:
            return ()
        found: Sequence[Statement] = json.loads(text)["Statement"]
        return found

    @property
    def engines(self) -> tuple[str, bool]:
        """Return the kind of the endpoint, and whether there are batch transform jobs."""
        return self.cloud.outputs["EndpointKind"], self.cloud.outputs["BatchTransform"] == "true"

    @property
    def policies(self) -> dict[str, Sequence[Statement]]:
        """Return the statements of each role and each managed policy."""
        return {name: holder.document["Statement"] for name, holder in self.holders.items()}

    def principal(self, holder: str) -> str:
        """Yield a role, or a user with a managed policy."""
        found = self.holders[holder]
        return found.arn if found.kind == ROLE else f"arn:aws:iam::{self.cloud.facts.account_id}:user/somebody"


@pytest.fixture(scope="module")
def deployed(enforcing: RunningCloud) -> Deployed:
    return Deployed(enforcing, holders(enforcing))


def test_exactly_those_may_who_need_it(deployed: Deployed) -> None:
    assert list(disagreements(deployed)) == []


@pytest.mark.parametrize("policy", [PRODUCER, READER, OPERATOR])
def test_the_emulator_lets_people_do_exactly_what_the_matrix_says(deployed: Deployed, policy: str) -> None:
    """The rows whose requests change nothing of importance, requested by a user with the policy."""
    cloud = deployed.cloud
    asked = [row for row in MATRIX if row[0] in {"s3:GetObject", "sqs:ReceiveMessage", "dynamodb:Scan", "sns:Publish"}]
    for name in {name for action, name, _ in asked if action == "s3:GetObject"}:
        # Without permission to list, a missing object gets the same response as a forbidden one.
        cloud.client("s3").put_object(Bucket=cloud.outputs["Bucket"], Key=name.partition("/")[2], Body=b"")
    with person(cloud, f"matrix-{policy}", cloud.outputs[policy]) as user:
        answers = {(action, name): _asks(user.client, cloud, action, name) for action, name, _ in asked}
    assert answers == {(action, name): policy in who for action, name, who in asked}


def _asks(client: Any, cloud: RunningCloud, action: str, name: str) -> bool:
    """Return whether IAM allows a call; a missing object counts as allowed."""
    output, _, key = name.partition("/")
    value = cloud.outputs[output]
    calls: dict[str, tuple[str, str, dict[str, Any]]] = {
        "s3:GetObject": ("s3", "get_object", {"Bucket": value, "Key": key}),
        "sqs:ReceiveMessage": (
            "sqs",
            "receive_message",
            {"QueueUrl": value, "VisibilityTimeout": 0, "WaitTimeSeconds": 0},
        ),
        "dynamodb:Scan": ("dynamodb", "scan", {"TableName": value}),
        "sns:Publish": ("sns", "publish", {"TopicArn": value, "Message": "{}"}),
    }
    service, operation, parameters = calls[action]
    try:
        getattr(client(service), operation)(**parameters)
    except ClientError as error:
        return (
            "AccessDenied" not in error.response["Error"]["Code"] and "Authoriz" not in error.response["Error"]["Code"]
        )
    return True
