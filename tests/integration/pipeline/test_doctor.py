"""The doctor on the deployed stack: things are broken one at a time, and its commands fix them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tailrace.aws.connections import Boto3Connection
from tailrace.doctor.commands import Commands
from tailrace.doctor.deployment import look_up
from tailrace.doctor.diagnosis import diagnose, examine
from tailrace.doctor.findings import Finding, Status
from tailrace.doctor.preflight.plan import Plan
from tailrace.doctor.runner import findings
from tailrace.doctor.stack.table import CHECKS
from tailrace_core.aws.calls import run
from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually
from tests.integration.pipeline.command import tailrace
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

pytestmark = pytest.mark.cloud

PROGRAMS = {
    "aws": Path(__file__).parents[3] / ".tools/awscli/bin/aws",
    "tailrace": Path(sys.executable).with_name("tailrace"),
}
STRANGER = "stranger"
MOVING = {"reconciler", "alarms"}
"""Checks whose state follows the clock and not what this test does."""
OK, WARN, FAIL = Status.OK, Status.WARN, Status.FAIL


class Doctor:
    """Diagnoses the cloud's stack, and runs the commands that it gives."""

    def __init__(self, cloud: RunningCloud, session: Any = None) -> None:
        self.cloud = cloud
        self.connection = Boto3Connection(
            session=session or cloud.session(), endpoint_url=cloud.endpoint_url, region=cloud.region
        )
        self._commands = Commands({"--endpoint-url": cloud.endpoint_url}, cloud.facts.stack)

    def findings(self) -> list[Finding]:
        """Return the findings of all checks that follow what a test does."""
        return [each for each in self._diagnosis() if each.check not in MOVING]

    def _diagnosis(self) -> Iterator[Finding]:
        return diagnose(self.cloud.facts.stack, self._commands, self.connection.execute)

    def status_of(self, name: str) -> Status:
        """Return the status of one check, which is run alone."""
        (check,) = [each for each in CHECKS if each.name == name]
        stack = run(look_up(self.cloud.facts.stack, self._commands, time.time), self.connection.execute)
        return findings(check, stack, self.connection.execute)[0].status

    def follow(self, command: str) -> None:
        """Run a command of a finding in a process of its own."""
        program, *words = shlex.split(command)
        environment = {**os.environ, **self.cloud.environment}
        done = subprocess.run(
            [PROGRAMS[program], *words], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"


def statuses(found: list[Finding]) -> dict[str, Status]:
    """Return the status of each check; of several findings that of the first one."""
    return {each.check: each.status for each in reversed(found)}


@dataclass(frozen=True)
class Break:
    """One thing to break, and what the doctor says of it."""

    name: str
    check: str
    status: Status
    apply: Callable[[RunningCloud], object]
    program: str = "aws"


def _function(cloud: RunningCloud, logical_id: str) -> str:
    return cloud.outputs[f"{logical_id}Function"]


def _mapping(cloud: RunningCloud, logical_id: str) -> str:
    found = cloud.client("lambda").list_event_source_mappings(FunctionName=_function(cloud, logical_id))
    (mapping,) = found["EventSourceMappings"]
    return str(mapping["UUID"])


def _subscription(cloud: RunningCloud, topic: str) -> str:
    arn = cloud.outputs[topic]
    queue = topic.replace("Topic", "Queue")
    name = cloud.outputs[queue].rpartition("/")[2]
    found = cloud.client("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    return str(next(each["SubscriptionArn"] for each in found if each["Endpoint"].endswith(f":{name}")))


def _disable_mapping(cloud: RunningCloud) -> None:
    uuid = _mapping(cloud, "CollectResults")
    cloud.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)


def _delete_mapping(cloud: RunningCloud) -> None:
    cloud.client("lambda").delete_event_source_mapping(UUID=_mapping(cloud, "DispatchRetries"))


def _report_no_items(cloud: RunningCloud) -> None:
    uuid = _mapping(cloud, "HandleFailures")
    cloud.client("lambda").update_event_source_mapping(UUID=uuid, FunctionResponseTypes=[])


def _throttle(cloud: RunningCloud) -> None:
    function = _function(cloud, "HandleFailures")
    cloud.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)


def _unsubscribe(topic: str) -> Callable[[RunningCloud], object]:
    return lambda cloud: cloud.client("sns").unsubscribe(SubscriptionArn=_subscription(cloud, topic))


def _attribute(topic: str, name: str, value: str) -> Callable[[RunningCloud], object]:
    return lambda cloud: cloud.client("sns").set_subscription_attributes(
        SubscriptionArn=_subscription(cloud, topic), AttributeName=name, AttributeValue=value
    )


def _lose_policy(cloud: RunningCloud) -> None:
    url = cloud.outputs["SucceededQueue"]
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})


def _letter(queue: str) -> Callable[[RunningCloud], object]:
    return lambda cloud: cloud.client("sqs").send_message(QueueUrl=cloud.outputs[queue], MessageBody="{}")


def _disable_schedule(cloud: RunningCloud) -> None:
    scheduler = cloud.client("scheduler")
    target = cloud.client("lambda").get_function(FunctionName=_function(cloud, "ReconcileJobs"))
    arn = target["Configuration"]["FunctionArn"]
    found = scheduler.list_schedules()["Schedules"]
    (name,) = [(each["Name"], each["GroupName"]) for each in found if each["Target"]["Arn"] == arn]
    schedule = scheduler.get_schedule(Name=name[0], GroupName=name[1])
    fields = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target", "Description")
    scheduler.update_schedule(**{field: schedule[field] for field in fields}, State="DISABLED")


def _silence(cloud: RunningCloud) -> None:
    sns = cloud.client("sns")
    for each in sns.list_subscriptions_by_topic(TopicArn=cloud.outputs["AlarmTopic"])["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])


def _disable_alarm(cloud: RunningCloud) -> None:
    alarms = cloud.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{cloud.facts.stack}-Watch-")["MetricAlarms"]
    names = [each["AlarmName"] for each in alarms if "ParkedChunks" in each["AlarmName"]]
    cloud.client("cloudwatch").disable_alarm_actions(AlarmNames=names)


def _stop_endpoint(cloud: RunningCloud) -> None:
    cloud.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=cloud.facts.endpoint_name,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 0}],
    )
    _in_service(cloud)


def _in_service(cloud: RunningCloud) -> None:
    sagemaker, name = cloud.client("sagemaker"), cloud.facts.endpoint_name
    eventually(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")


BREAKS = (
    Break("disable a mapping", "mappings", FAIL, _disable_mapping),
    Break("delete a mapping", "mappings", FAIL, _delete_mapping),
    Break("delete whole batches", "mappings", FAIL, _report_no_items),
    Break("throttle a function", "functions", FAIL, _throttle),
    Break("delete a subscription", "subscriptions", FAIL, _unsubscribe("FailedTopic")),
    Break("delete the results' subscription", "subscriptions", FAIL, _unsubscribe("ResultsTopic")),
    Break("set a filter", "filters", FAIL, _attribute("SucceededTopic", "FilterPolicy", '{"color": ["red"]}')),
    Break("wrap messages", "filters", FAIL, _attribute("SucceededTopic", "RawMessageDelivery", "false")),
    Break("lose undelivered messages", "filters", WARN, _attribute("FailedTopic", "RedrivePolicy", "")),
    Break("lose a queue's policy", "delivery", FAIL, _lose_policy),
    Break("send a dead letter", "dead-letters", WARN, _letter("ResultsDeadLetterQueue"), "tailrace"),
    Break("send a dead tick", "dead-letters", WARN, _letter("ReconcileJobsDeadLetterQueue")),
    Break("disable the schedule", "schedule", FAIL, _disable_schedule),
    Break("unsubscribe from alarms", "alarm-subscribers", WARN, _silence),
    Break("disable an alarm's actions", "alarm-actions", WARN, _disable_alarm),
    Break("stop the endpoint", "instances", FAIL, _stop_endpoint),
)


@pytest.fixture(scope="module")
def doctor(cloud: RunningCloud) -> Doctor:
    sns = cloud.client("sns")
    sns.subscribe(TopicArn=cloud.outputs["AlarmTopic"], Protocol="email", Endpoint="ops@example.com")
    for output in ("ResultsDeadLetterQueue", "ReconcileJobsDeadLetterQueue"):
        cloud.client("sqs").purge_queue(QueueUrl=cloud.outputs[output])
    return Doctor(cloud)


def test_each_break_is_found_by_its_check_alone_and_fixed_by_its_command(doctor: Doctor) -> None:
    before = statuses(doctor.findings())
    assert set(before) == {check.name for check in CHECKS} - MOVING
    for broken in BREAKS:
        began = time.monotonic()
        assert before[broken.check] is OK, broken.name
        broken.apply(doctor.cloud)
        found = doctor.findings()
        (problem,) = [each for each in found if each.check == broken.check]
        # The cloud is shared: fix it before judging.
        doctor.follow(problem.command)
        _in_service(doctor.cloud)
        changed = {name: status for name, status in statuses(found).items() if status is not before[name]}
        assert changed == {broken.check: broken.status}, broken.name
        assert problem.command.startswith(f"{broken.program} "), broken.name
        assert doctor.status_of(broken.check) is OK, broken.name
        print(f"{broken.name}: {problem.seen} ({time.monotonic() - began:.1f} s)")
    assert statuses(doctor.findings()) == before


@pytest.fixture
def stranger(cloud: RunningCloud) -> Iterator[boto3.Session]:
    """A user who may describe the stack, and nothing else."""
    iam = cloud.client("iam")
    iam.create_user(UserName=STRANGER)
    statement = {"Effect": "Allow", "Action": "cloudformation:DescribeStacks", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=STRANGER, PolicyName="Describe", PolicyDocument=policy)
    key = iam.create_access_key(UserName=STRANGER)["AccessKey"]
    yield boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=cloud.region)
    iam.delete_access_key(UserName=STRANGER, AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName=STRANGER, PolicyName="Describe")
    for attached in iam.list_attached_user_policies(UserName=STRANGER)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=STRANGER, PolicyArn=attached["PolicyArn"])
    iam.delete_user(UserName=STRANGER)


def test_what_an_identity_may_not_read_is_never_ok(cloud: RunningCloud, stranger: boto3.Session) -> None:
    found = statuses(Doctor(cloud, stranger).findings())
    asking = {check.name for check in CHECKS if set(check.reads) - {"sts:GetCallerIdentity"}}
    # A sound state of the stack, no scaling and no key take no call; GetAccountSettings is allowed
    # to everybody here.
    asking -= {"stack", "scaling", "key", "concurrency", *MOVING}
    assert {name: status for name, status in found.items() if name in asking and status is OK} == {}
    assert {found[name] for name in asking} == {Status.CANNOT_TELL}


def test_tasks_that_an_identity_may_not_do_are_allowed_by_the_commands(
    cloud: RunningCloud, stranger: boto3.Session
) -> None:
    doctor = Doctor(cloud, stranger)
    cloud.client("iam").attach_user_policy(UserName=STRANGER, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    found = [each for each in doctor.findings() if each.check == "tasks"]
    assert [each.status for each in found] == [WARN, WARN, WARN]
    for each in found:
        doctor.follow(each.command)
    assert [each.seen for each in doctor.findings() if each.check == "tasks"] == [
        f"{STRANGER} may submit, read results, operate"
    ]


FAILING = {
    "Resources": {
        "Endpoint": {"Type": "AWS::SageMaker::Endpoint", "Properties": {"EndpointConfigName": "is-not-there"}}
    }
}
LATER = "later"


def _manifest(architecture: str) -> str:
    config = {"digest": f"sha256:{architecture}", "size": 1, "mediaType": "application/json"}
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []})


class Preflight:
    """Examines the cloud's account before a deployment."""

    def __init__(self, cloud: RunningCloud, connection: Boto3Connection) -> None:
        self._connection = connection
        repository = f"{cloud.facts.account_id}.dkr.ecr.{cloud.region}.amazonaws.com/later"
        self.wanted: dict[str, Any] = {
            "stack": LATER,
            "region": cloud.region,
            "commands": Commands({"--endpoint-url": cloud.endpoint_url}, LATER),
            "now": time.time,
            "max_instance_count": 2,
            "image": f"{repository}:1",
            "model_data": "s3://later-models/model.tar.gz",
            # The registry here gives addresses that nobody serves.
            "fetch": lambda url: json.dumps({"architecture": url.rpartition(":")[2]}).encode(),
        }

    def problems(self, **changes: Any) -> dict[str, Finding]:
        """Return the first finding of each check that is not OK."""
        plan = Plan(**(self.wanted | changes))
        found = list(examine(plan, self._connection.execute))
        return {each.check: each for each in reversed(found) if each.status is not OK}


@pytest.mark.usefixtures("stranger")
def test_each_precondition_that_is_missing_is_found_and_fixed(cloud: RunningCloud) -> None:
    doctor = Doctor(cloud)
    before = Preflight(cloud, doctor.connection)
    iam, ecr, s3 = (cloud.client(service) for service in ("iam", "ecr", "s3"))
    # Neither image nor data are there, nor the role of scaling; the caller is the root of the account.
    # Service quotas are not emulated.
    problems = before.problems()
    assert {name: each.status for name, each in problems.items()} == {
        "identity": WARN,
        "instance-quota": Status.CANNOT_TELL,
        "image": FAIL,
        "model-data": FAIL,
    }
    ecr.create_repository(repositoryName="later")
    ecr.put_image(repositoryName="later", imageTag="1", imageManifest=_manifest("arm64"))
    assert "is for arm64" in before.problems()["image"].seen
    ecr.put_image(repositoryName="later", imageTag="1", imageManifest=_manifest("amd64"))
    s3.create_bucket(Bucket="later-models", CreateBucketConfiguration={"LocationConstraint": cloud.region})
    s3.put_object(Bucket="later-models", Key="model.tar.gz", Body=b"x")
    assert set(before.problems()) == {"identity", "instance-quota"}

    user = iam.get_user(UserName=STRANGER)["User"]["Arn"]
    lacking = before.problems(deployer=user)
    assert (lacking["actions"].status, lacking["scaling-role"].status) == (FAIL, FAIL)
    doctor.follow(lacking["scaling-role"].command)
    assert set(before.problems(deployer=user)) == {"identity", "instance-quota", "actions"}
    iam.attach_user_policy(UserName=STRANGER, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    assert set(before.problems(deployer=user)) == {"identity", "instance-quota"}

    assert before.problems(reserved_concurrency=200)["concurrency"].status is FAIL
    assert before.problems(image=before.wanted["image"].replace(cloud.region, "us-east-1"))["image"].status is FAIL

    s3.create_bucket(Bucket="later-bucket-1", CreateBucketConfiguration={"LocationConstraint": cloud.region})
    doctor.follow(before.problems()["leftovers"].command)
    cloud.client("cloudformation").create_stack(StackName=LATER, TemplateBody=json.dumps(FAILING))
    problem = eventually(lambda: _failed(before.problems().get("stack")), what="the end of the failed deployment")
    assert problem is not None
    doctor.follow(problem.command)
    eventually(lambda: "stack" not in before.problems(), what="the deletion of the failed stack")
    assert set(before.problems()) == {"identity", "instance-quota"}


def _failed(found: Finding | None) -> Finding | None:
    return found if found is not None and "takes no update" in found.seen else None


def test_the_exercise_scores_refuses_and_records(cloud: RunningCloud, tmp_path: Path) -> None:
    row = csv_bytes(demand_rows(1, seed=3), header=None).decode().strip()
    stack, records = cloud.facts.stack, tmp_path / "answers"
    done = tailrace(cloud, "doctor", "--stack", stack, "--exercise", "--row", row, "--record", records, "--json")
    found = {each["check"]: each for each in done.json_lines}
    trials = ("good-row", "good-row-without-content-type", "bad-row", "missing-input")
    assert {name: found[name]["status"] for name in (*trials, "job", "large-part")} == dict.fromkeys(
        (*trials, "job", "large-part"), "OK"
    ), {name: found[name]["seen"] for name in (*trials, "job", "large-part")}
    assert sorted(each.stem for each in records.iterdir()) == sorted(trials)
    record = json.loads((records / "good-row.json").read_text())
    assert json.loads(record["notification"]["Message"])["invocationStatus"] == "Completed"
    assert float(record["object"]["body"]) > 0
    parts = cloud.client("s3").list_objects_v2(Bucket=cloud.outputs["Bucket"], Prefix="v1/jobs/")
    assert max(each["Size"] for each in parts["Contents"] if "/parts/" in each["Key"]) > 8 * 1024 * 1024
    queues = cloud.client("sqs").list_queues(QueueNamePrefix="tailrace-doctor-")
    assert not queues.get("QueueUrls")
