"""With IAM enforced, functions and pollers can do only what their roles allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tailrace_local.testing import RunningCloud, running_cloud
from tests.integration.local.executions import Machine
from tests.integration.local.polling import eventually
from tests.integration.local.transform_watch import ROW, Watch
from tests.tools import skipped_without_tools

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]
APPLICATION = Path(__file__).parent / "fixtures" / "app" / "template.yaml"


@pytest.fixture(scope="module")
def enforcing(cloud: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """A second cloud beside the first one, with IAM."""
    state = tmp_path_factory.mktemp("enforcing") / "state"
    with (
        skipped_without_tools(),
        running_cloud(state, template=APPLICATION, sagemaker=True, enforce_iam=True) as running,
    ):
        assert running.endpoint_url != cloud.endpoint_url
        yield running


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


@pytest.mark.parametrize("key", ["a", "a\nb"], ids=["plain", "with a line break"])
def test_a_role_reads_what_its_policy_names(enforcing: RunningCloud, key: str) -> None:
    enforcing.client("s3").put_object(Bucket=enforcing.outputs["Bucket"], Key=key, Body=b"x")
    answer = as_function(enforcing, "s3").get_object(Bucket=enforcing.outputs["Bucket"], Key=key)
    assert answer["Body"].read() == b"x"


def test_a_role_is_refused_what_its_policy_does_not_name(enforcing: RunningCloud) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        as_function(enforcing, "s3").delete_object(Bucket=enforcing.outputs["Bucket"], Key="a")


def limited(cloud: RunningCloud, name: str, actions: list[str], resources: list[str]) -> Any:
    """A client of Step Functions with the credentials of a new role that may do only this."""
    iam, statement = cloud.client("iam"), {"Effect": "Allow", "Action": actions, "Resource": resources}
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=policy)
    found = cloud.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    session = boto3.Session(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], cloud.region)
    return session.client("stepfunctions", endpoint_url=cloud.endpoint_url)


def test_an_identity_starts_watches_and_stops_only_what_it_may(enforcing: RunningCloud) -> None:
    arn = enforcing.outputs["StateMachine"]
    below = [
        f"{arn.replace(':stateMachine:', f':{kind}:')}{end}" for kind, end in (("execution", ":*"), ("mapRun", "/*"))
    ]
    actions = ["states:StartExecution", "states:DescribeExecution", "states:ListMapRuns", "states:DescribeMapRun"]
    machine = Machine(enforcing, limited(enforcing, "starter", actions, [arn, *below]))
    done = machine.run("as-starter", [{"number": 1}])
    assert done["status"] == "SUCCEEDED", done
    assert (machine.map_run(done["executionArn"]) or {})["status"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="states:StopExecution"):
        machine.client.stop_execution(executionArn=done["executionArn"])
    other = Machine(enforcing, limited(enforcing, "another", actions, [f"{arn}-2"]))
    with pytest.raises(ClientError, match="states:StartExecution"):
        other.start("as-another", "lists/as-starter.jsonl")
    with pytest.raises(ClientError, match="states:DescribeExecution"):
        other.client.describe_execution(executionArn=done["executionArn"])


def test_a_machine_reads_its_list_with_its_role(enforcing: RunningCloud) -> None:
    machine = Machine(enforcing)
    done = machine.ended(machine.start("elsewhere", machine.put("x", [{}], prefix="other")))
    assert (done["status"], done["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert "AccessDenied" in done["cause"]


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        ("MachineRolePolicy0", "Lambda.AWSLambdaException"),
        ("MachineRolePolicy1", "States.Permissions"),
    ],
    ids=["to invoke the function", "to start children"],
)
def test_a_machine_needs_a_role_with_the_permission(enforcing: RunningCloud, policy: str, error: str) -> None:
    iam, role = enforcing.client("iam"), enforcing.outputs["StateMachineRole"].rsplit("/", 1)[-1]
    kept = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    try:
        done = Machine(enforcing).run(f"without-{policy}", [{"number": 1}])
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(kept))
    assert (done["status"], done["error"]) == ("FAILED", error)


@pytest.fixture(scope="module")
def watch(enforcing: RunningCloud) -> Iterator[Watch]:
    made, faults = Watch(enforcing), FaultAdmin(enforcing.own_url, enforcing.token)
    twice = {"when": {"endpoint": "watched-*", "outcome": "Completed"}, "do": {"kind": "duplicate"}}
    faults.set(CloudFaultPlan.read(json.dumps({"sagemaker": {"rules": [twice]}})))
    with enforcing.time_scaled(1 / 60):
        yield made
    faults.clear()


def test_the_end_of_a_job_reaches_a_queue_twice_and_never_one_without_a_policy(watch: Watch) -> None:
    bucket, s3 = watch.cloud.outputs["Bucket"], watch.cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="inputs/rows.csv", Body=ROW.encode() * 3)
    manifest = json.dumps([{"prefix": f"s3://{bucket}/inputs/"}, "rows.csv"])
    s3.put_object(Bucket=bucket, Key="lists/one.json", Body=manifest.encode())
    watch.start("watched-1", "ManifestFile", f"s3://{bucket}/lists/one.json")
    seen = watch.next(2)
    assert [event["detail"]["TransformJobStatus"] for event in seen] == ["Completed", "Completed"]
    assert seen[0]["source"] == "aws.sagemaker"
    assert seen[0]["detail-type"] == "SageMaker Transform Job State Change"
    assert seen[0]["resources"] == [seen[0]["detail"]["TransformJobArn"]]
    scored = s3.get_object(Bucket=bucket, Key="outputs/watched-1/rows.csv.out")["Body"].read()
    assert len(scored.splitlines()) == 3
    assert watch.received(watch.deaf) == []


def test_a_job_may_do_only_what_the_models_role_may(watch: Watch) -> None:
    bucket = watch.cloud.outputs["Bucket"]
    watch.start("watched-2", "S3Prefix", f"s3://{bucket}/inputs/")
    seen = watch.next(1)
    assert seen[0]["detail"]["TransformJobStatus"] == "Failed"
    assert "ListObjectsV2" in seen[0]["detail"]["FailureReason"]
