"""Who may do what to which resource: each row names everybody who may, and so who may not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tailrace_local.testing import RunningCloud
from tests.integration.access.grants import Holder, holders
from tests.integration.access.identities import person
from tests.integration.access.policies import Request, Statement, decide

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(420)]

COLLECT, HANDLE, DISPATCH, RECONCILE, ENDPOINT, PRODUCER, READER, OPERATOR = (
    "CollectResultsRole", "HandleFailuresRole", "DispatchRetriesRole", "ReconcileJobsRole", "EndpointRole",
    "ProducerPolicy", "ReaderPolicy", "OperatorPolicy",
)  # fmt: skip
FUNCTIONS = {COLLECT, HANDLE, DISPATCH, RECONCILE}
SENDERS = FUNCTIONS | {PRODUCER}
NOBODY: set[str] = set()
JOB = "Bucket/v1/jobs/01JD0WAWQSRPH4P5HK2ZTF1J2N"

# Resources by the name of the output that gives them, with the object's key behind it.
MATRIX: list[tuple[str, str, set[str]]] = [
    ("s3:PutObject", f"{JOB}/input/a.csv", {PRODUCER, COLLECT, HANDLE, OPERATOR}),
    ("s3:PutObject", f"{JOB}/kept/a.csv", {PRODUCER, COLLECT, HANDLE}),
    ("s3:PutObject", f"{JOB}/rejects/a.csv", {PRODUCER, COLLECT, HANDLE}),
    ("s3:PutObject", f"{JOB}/parts/a.csv", {PRODUCER, COLLECT, HANDLE}),
    ("s3:PutObject", f"{JOB}/manifest.json", {PRODUCER, COLLECT, HANDLE, RECONCILE}),
    ("s3:PutObject", f"{JOB}/anything.else", NOBODY),
    ("s3:PutObject", "Bucket/v1/outputs/a.out", {ENDPOINT}),
    ("s3:PutObject", "Bucket/v1/failures/a-error.out", {ENDPOINT}),
    ("s3:PutObject", "Bucket/v2/a", NOBODY),
    ("s3:GetObject", f"{JOB}/input/a.csv", {ENDPOINT, COLLECT, HANDLE, OPERATOR}),
    ("s3:GetObject", f"{JOB}/kept/a.csv", {COLLECT, HANDLE, OPERATOR}),
    ("s3:GetObject", f"{JOB}/rejects/a.csv", {COLLECT, HANDLE, PRODUCER, READER, OPERATOR}),
    ("s3:GetObject", f"{JOB}/parts/a.csv", {COLLECT, HANDLE, PRODUCER, READER, OPERATOR}),
    ("s3:GetObject", f"{JOB}/manifest.json", {PRODUCER, READER, OPERATOR}),
    ("s3:GetObject", "Bucket/v1/outputs/a.out", {COLLECT, RECONCILE}),
    ("s3:GetObject", "Bucket/v1/failures/a-error.out", {HANDLE, RECONCILE, OPERATOR}),
    ("s3:DeleteObject", f"{JOB}/parts/a.csv", NOBODY),
    ("s3:PutBucketPolicy", "Bucket", NOBODY),
    ("s3:DeleteBucket", "Bucket", NOBODY),
    ("dynamodb:GetItem", "LedgerTable", SENDERS | {OPERATOR}),
    ("dynamodb:PutItem", "LedgerTable", SENDERS - {DISPATCH}),
    ("dynamodb:UpdateItem", "LedgerTable", SENDERS),
    ("dynamodb:Query", "LedgerTable", SENDERS - {DISPATCH} | {OPERATOR}),
    ("dynamodb:Query", "LedgerTable/index/due", {RECONCILE}),
    ("dynamodb:Query", "LedgerTable/index/created", {PRODUCER, OPERATOR}),
    ("dynamodb:DeleteItem", "LedgerTable", NOBODY),
    ("dynamodb:Scan", "LedgerTable", NOBODY),
    ("dynamodb:DeleteTable", "LedgerTable", NOBODY),
    ("sns:Publish", "SucceededTopic", {ENDPOINT}),
    ("sns:Publish", "FailedTopic", {ENDPOINT}),
    ("sns:Publish", "ResultsTopic", {COLLECT, HANDLE, RECONCILE, PRODUCER}),
    ("sns:Subscribe", "ResultsTopic", NOBODY),
    ("sqs:ReceiveMessage", "SucceededQueue", {COLLECT}),
    ("sqs:ReceiveMessage", "FailedQueue", {HANDLE}),
    ("sqs:ReceiveMessage", "RetriesQueue", {DISPATCH}),
    ("sqs:ReceiveMessage", "ParkedQueue", {OPERATOR}),
    ("sqs:ReceiveMessage", "ResultsQueue", {READER}),
    *((action, f"{queue}DeadLetterQueue", {OPERATOR})
      for queue in ("Succeeded", "Failed", "Retries", "Parked", "Results")
      for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage")),
    ("sqs:SendMessage", "SucceededQueue", {RECONCILE, OPERATOR}),
    ("sqs:SendMessage", "FailedQueue", {RECONCILE, OPERATOR}),
    ("sqs:SendMessage", "RetriesQueue", FUNCTIONS | {OPERATOR}),
    ("sqs:SendMessage", "ParkedQueue", FUNCTIONS | {OPERATOR}),
    ("sqs:SendMessage", "ResultsQueue", {OPERATOR}),
    ("sqs:PurgeQueue", "ResultsQueue", NOBODY),
    ("sagemaker:InvokeEndpointAsync", "EndpointName", SENDERS),
    ("sagemaker:DescribeEndpoint", "EndpointName", {PRODUCER}),
    ("sagemaker:UpdateEndpoint", "EndpointName", NOBODY),
    ("sagemaker:DeleteEndpoint", "EndpointName", NOBODY),
]  # fmt: skip
# What even an administrator is refused, because the resource itself says so.
FORGERIES = [
    ("s3:PutObject", "Bucket/v1/outputs/a.out"),
    ("s3:PutObject", "Bucket/v1/failures/a-error.out"),
    ("sns:Publish", "SucceededTopic"),
    ("sns:Publish", "FailedTopic"),
]
ADMINISTRATOR: Sequence[Statement] = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


@dataclass(frozen=True)
class Deployed:
    """The stack's policies: those of identities, and those on resources."""

    cloud: RunningCloud
    holders: dict[str, Holder]

    def arn(self, name: str) -> str:
        """The ARN of an output's resource, with what stands behind the first slash."""
        output, slash, rest = name.partition("/")
        value, facts = self.cloud.outputs[output], self.cloud.facts
        account = f"{facts.region}:{facts.account_id}"
        base = {
            "Bucket": f"arn:aws:s3:::{value}",
            "LedgerTable": f"arn:aws:dynamodb:{account}:table/{value}",
            "EndpointName": f"arn:aws:sagemaker:{account}:endpoint/{value}",
        }.get(output, value)
        if output.endswith("Queue"):
            base = f"arn:aws:sqs:{account}:{value.rsplit('/', 1)[-1]}"
        return f"{base}{slash}{rest}"

    def resource_policy(self, name: str) -> Sequence[Statement]:
        """The statements that stand on a resource itself."""
        output = name.partition("/")[0]
        value = self.cloud.outputs[output]
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

    def allows(self, holder: str, action: str, name: str, **context: str) -> bool:
        """Whether a role, or a user with the managed policy, may."""
        found = self.holders[holder]
        principal = found.arn if holder.endswith("Role") else "arn:aws:iam::123456789012:user/somebody"
        request = Request(principal, action, self.arn(name), {f"aws:{key.lower()}": v for key, v in context.items()})
        return decide(found.document["Statement"], self.resource_policy(name), request)


@pytest.fixture(scope="module")
def deployed(enforcing: RunningCloud) -> Deployed:
    return Deployed(enforcing, holders(enforcing))


@pytest.mark.parametrize(("action", "resource", "who"), MATRIX, ids=[f"{row[0]} {row[1]}" for row in MATRIX])
def test_exactly_those_may_who_need_it(deployed: Deployed, action: str, resource: str, who: set[str]) -> None:
    may = {name for name in deployed.holders if deployed.allows(name, action, resource)}
    assert may == who


@pytest.mark.parametrize(("action", "resource"), FORGERIES)
def test_nobody_else_speaks_for_the_endpoint_not_even_an_administrator(
    deployed: Deployed, action: str, resource: str
) -> None:
    request = Request("arn:aws:iam::123456789012:role/Admin", action, deployed.arn(resource))
    assert not decide(ADMINISTRATOR, deployed.resource_policy(resource), request)


def test_nothing_is_reached_over_plain_http(deployed: Deployed) -> None:
    reached = [
        (holder, action, resource)
        for action, resource, who in MATRIX
        if action.partition(":")[0] in {"s3", "sqs"} or action == "sns:Publish"
        for holder in who
        if deployed.allows(holder, action, resource, SecureTransport="false")
    ]
    assert reached == []


@pytest.mark.parametrize("name", ["Succeeded", "Failed", "Results"])
def test_a_queue_takes_messages_from_its_own_topic_alone(deployed: Deployed, name: str) -> None:
    def delivers(topic: str) -> bool:
        context = {"aws:sourcearn": deployed.cloud.outputs[topic]}
        request = Request("sns.amazonaws.com", "sqs:SendMessage", deployed.arn(f"{name}Queue"), context)
        return decide((), deployed.resource_policy(f"{name}Queue"), request)

    topics = ("SucceededTopic", "FailedTopic", "ResultsTopic")
    assert [topic for topic in topics if delivers(topic)] == [f"{name}Topic"]


@pytest.mark.parametrize("policy", [PRODUCER, READER, OPERATOR])
def test_the_emulator_lets_people_do_exactly_what_the_matrix_says(deployed: Deployed, policy: str) -> None:
    """The rows that can be asked without changing anything that matters, asked by a user who has the policy."""
    cloud = deployed.cloud
    asked = [row for row in MATRIX if row[0] in {"s3:GetObject", "sqs:ReceiveMessage", "dynamodb:Scan", "sns:Publish"}]
    with person(cloud, f"matrix-{policy}", cloud.outputs[policy]) as user:
        answers = {(action, name): _asks(user.client, cloud, action, name) for action, name, _ in asked}
    assert answers == {(action, name): policy in who for action, name, who in asked}


def _asks(client: Any, cloud: RunningCloud, action: str, name: str) -> bool:
    """Whether a call is let through; that there is no such object is not IAM's answer."""
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
