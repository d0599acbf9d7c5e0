"""TLS: the certificate's address, its authority, and requests without TLS."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailrace_local.control.workspace import Workspace
from tailrace_local.testing import RunningCloud, bare_cloud
from tests.tools import skipped_without_tools

pytestmark = pytest.mark.cloud

DENY_PLAIN = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "*",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with (
        skipped_without_tools(),
        bare_cloud(tmp_path_factory.mktemp("tls") / "state", enforce_iam=True, tls=True) as running,
    ):
        yield running


def test_a_client_without_the_authority_does_not_trust_the_cloud(cloud: RunningCloud) -> None:
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(cloud.endpoint_url, timeout=30)  # noqa: S310 - our own address


def test_the_certificate_passes_the_strictest_check(cloud: RunningCloud) -> None:
    context = ssl.create_default_context(cafile=cloud.facts.ca_bundle)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    url = f"{cloud.endpoint_url}/_tailrace/status"
    with urllib.request.urlopen(url, timeout=30, context=context) as answer:  # noqa: S310 - our own address
        assert answer.status == 200


def test_the_servers_key_is_its_owners_alone(cloud: RunningCloud) -> None:
    assert cloud.facts.ca_bundle is not None
    folder = Path(cloud.facts.ca_bundle).parent
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "server.key").stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in folder.iterdir()) == ["ca.pem", "server.key", "server.pem"]


def test_a_client_with_the_environment_reaches_it(cloud: RunningCloud) -> None:
    aws = Workspace.here().tool("sam").with_name("python")
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    environment = {"PATH": os.environ["PATH"], **cloud.environment}
    done = subprocess.run(
        [aws, "-c", script], env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("123456789012", 0), done.stderr


def test_urls_that_the_cloud_gives_are_https(cloud: RunningCloud) -> None:
    url = cloud.client("sqs").create_queue(QueueName="secure")["QueueUrl"]
    assert url.startswith(f"{cloud.endpoint_url}/")


def test_a_plain_request_is_known_as_one(cloud: RunningCloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="judged")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [DENY_PLAIN]})})
    sqs.send_message(QueueUrl=url, MessageBody="over TLS")
    plain = cloud.session().client("sqs", endpoint_url=cloud.facts.plain_url)
    with pytest.raises(plain.exceptions.ClientError, match="AccessDenied"):
        plain.send_message(QueueUrl=url.replace(cloud.endpoint_url, cloud.own_url), MessageBody="plainly")
