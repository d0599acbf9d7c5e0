"""The exposure of a running cloud, and to whom: its listeners, its signatures, its files."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psutil
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tailrace_local.state_directory import StateDirectory
from tailrace_local.testing import RunningCloud

pytestmark = pytest.mark.cloud

FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "evil.example:{port}"},
    {"Host": "127.0.0.1:{port}", "Origin": "https://evil.example"},
    {"Host": "127.0.0.1:{port}", "Origin": "null"},
    {"Host": "localhost:{port}", "Sec-Fetch-Site": "cross-site"},
]


def listening(cloud: RunningCloud) -> dict[int, str]:
    """Return the kind of process that listens, by port."""
    found = {}
    for record in StateDirectory(cloud.state_dir).records().values():
        for process in record.members():
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    assert connection.laddr.ip == "127.0.0.1"
                    found[connection.laddr.port] = record.what
    return found


def status_of(port: int, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value.format(port=port))
        connection.endheaders(body)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("headers", FOREIGN, ids=",".join)
def test_every_listener_refuses_what_a_foreign_page_could_send(cloud: RunningCloud, headers: dict[str, str]) -> None:
    found = listening(cloud)
    own = urlsplit(cloud.endpoint_url).port
    # The cloud's port, its functions' runtime APIs, and the model's server.
    assert sum(what == "cloud" for what in found.values()) > 1
    assert any("model" in what for what in found.values()), found
    for port in found:
        for method, path in (("GET", "/ping"), ("POST", "/invocations"), ("POST", "/"), ("OPTIONS", "/")):
            if method == "OPTIONS" and port != own:
                continue
            assert status_of(port, method, path, headers, b"Action=ListQueues") == 403, (found[port], method, path)


def test_the_model_server_answers_its_own_name(cloud: RunningCloud) -> None:
    port = urlsplit(cloud.model_url).port
    assert port is not None
    assert status_of(port, "GET", "/ping", {"Host": "127.0.0.1:{port}"}) == 200


def queue_request(cloud: RunningCloud, secret: str) -> str:
    """Return a URL that lists queues, signed in its query by the account's key."""
    request = AWSRequest("GET", f"{cloud.endpoint_url}/?{urlencode({'Action': 'ListQueues', 'Version': '2012-11-05'})}")
    SigV4QueryAuth(Credentials(cloud.facts.account_id, secret), "sqs", cloud.region).add_auth(request)
    return str(request.prepare().url)


def test_signatures_in_a_query_are_verified(cloud: RunningCloud) -> None:
    signed = queue_request(cloud, cloud.environment["AWS_SECRET_ACCESS_KEY"])
    with urllib.request.urlopen(signed, timeout=30) as answer:  # noqa: S310 - our own http address
        assert b"ListQueues" in answer.read()
    zeros = signed.rpartition("X-Amz-Signature=")[0] + "X-Amz-Signature=" + "0" * 64
    unsigned = signed.partition("&X-Amz-")[0]
    for forged in (zeros, queue_request(cloud, "local"), unsigned):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(forged, timeout=30)  # noqa: S310 - the same
        assert refused.value.code == 403
        refused.value.close()


@pytest.mark.parametrize("key", ["123456789012", "test", "210987654321"])
@pytest.mark.parametrize("service", ["sqs", "sagemaker", "s3"])
def test_signatures_in_a_header_are_verified(cloud: RunningCloud, service: str, key: str) -> None:
    import boto3  # noqa: PLC0415 - the one test that signs with a secret of its own

    session = boto3.Session(key, "guessed", region_name=cloud.region)
    client = session.client(service, endpoint_url=cloud.endpoint_url)
    ask = {"sqs": "list_queues", "sagemaker": "list_endpoints", "s3": "list_buckets"}[service]
    with pytest.raises(ClientError) as refused:
        getattr(client, ask)()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}


def test_nothing_of_the_emulators_changes_without_the_token(cloud: RunningCloud) -> None:
    port = urlsplit(cloud.own_url).port
    assert port is not None
    own = {"Host": "127.0.0.1:{port}"}
    name = cloud.facts.endpoint_name
    for method, path in (
        ("PUT", "/_tailrace/pace"),
        ("POST", f"/_tailrace/sagemaker/endpoints/{name}/kill"),
        ("POST", f"/_tailrace/sagemaker/endpoints/{name}/notifications"),
        ("DELETE", "/_tailrace/functions/faults"),
        ("POST", "/_ministack/reset"),
    ):
        assert status_of(port, method, path, own) == 403, path
    assert status_of(port, "GET", "/_tailrace/status", own) == 200
    assert cloud.client("sqs").list_queues()["QueueUrls"]


def test_only_the_owner_reads_the_state_directory(cloud: RunningCloud) -> None:
    def open_to_others(path: Path) -> bool:
        try:
            return bool(path.stat().st_mode & 0o077)
        except FileNotFoundError:  # the cloud goes on
            return False

    assert not open_to_others(cloud.state_dir)
    # What is unpacked keeps the modes of its archive, behind the state directory's own.
    unpacked = {"artifacts", "models"}
    written = [path for path in cloud.state_dir.rglob("*") if not unpacked & {*path.parts} and path.is_file()]
    assert {"token", "facts.json", "settings.json", "listening.json", "cloud.log"} <= {path.name for path in written}
    assert [path for path in written if open_to_others(path)] == []
