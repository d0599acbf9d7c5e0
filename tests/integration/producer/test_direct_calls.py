"""A connection sends its calls directly where that is alike, and by botocore where it is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import RefreshableCredentials
from botocore.session import Session

from tailrace.aws.connections import Boto3Connection
from tailrace_core.aws.calls import BodyCall, Call
from tailrace_core.aws.retrying import retrying
from tailrace_core.errors import ConfigurationError, TransientError
from tests.scripted_server import HangUp, Received, Server, scripted_server

UPDATE = Call("dynamodb", "update_item", {"TableName": "table", "Key": {"id": {"S": "1"}}})
PUT = Call("s3", "put_object", {"Bucket": "b", "Key": "k", "Body": b"1,2\n" * 100_000, "ChecksumCRC32": "AAAAAA=="})
INVOKE = Call("sagemaker-runtime", "invoke_endpoint_async", {"EndpointName": "e", "InputLocation": "s3://b/k"})

Connect = Callable[..., Boto3Connection]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Connects to a server with a session of its own, and closes the connections afterwards."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    made: list[Boto3Connection] = []

    def connected(server: Server, session: Any = None, **settings: Any) -> Boto3Connection:
        if server.authority:
            monkeypatch.setenv("AWS_CA_BUNDLE", str(server.authority))
        session = session or boto3.Session("id", "secret", region_name="eu-west-1")
        retry = lambda execute, **_: retrying(execute, sleep=lambda _: None)  # noqa: E731
        made.append(Boto3Connection(session=session, endpoint_url=server.url or None, retry=retry, **settings))
        return made[-1]

    yield connected
    for each in made:
        each.close()


def well(request: Received) -> None:
    request.body()
    request.answer(b"{}" if request.method == "POST" else b"")


def sent_directly(server: Server) -> list[bool]:
    return [not each.by_botocore for each in server.received]


@pytest.mark.parametrize("tls", [True, False])
def test_the_first_call_of_a_kind_is_botocores_and_the_others_are_direct(
    connect: Connect,
    tls: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
) -> None:
    with scripted_server(well, tmp_path if tls else None) as server:
        connection = connect(server)
        for call in (UPDATE, PUT, INVOKE, UPDATE, PUT, INVOKE):
            connection.execute(call)
        connection.execute(Call("s3", "put_object", {**PUT.params, "Metadata": {"a": "b"}}))
        connection.execute(Call("s3", "put_object", {**PUT.params, "Bucket": "other"}))
    assert sent_directly(server) == [False] * 3 + [True] * 3 + [False] * 2
    assert [each.path for each in server.received[:3]] == [each.path for each in server.received[3:6]]


def test_a_view_of_a_body_arrives_alike_by_botocore_and_directly(connect: Connect, tmp_path: Path) -> None:
    bodies: list[bytes] = []

    def stored(request: Received) -> None:
        bodies.append(request.body())
        request.answer(b"")

    data = bytearray(b"header" + PUT.params["Body"])
    with scripted_server(stored, tmp_path) as server:
        connection = connect(server)
        for _ in range(2):
            connection.execute(Call("s3", "put_object", {**PUT.params, "Body": memoryview(data)[6:]}))
    assert sent_directly(server) == [False, True]
    assert bodies == [PUT.params["Body"]] * 2


def test_threads_share_what_was_learned(connect: Connect, tmp_path: Path) -> None:
    with scripted_server(well, tmp_path) as server:
        connection = connect(server)
        connection.execute(PUT)
        threads = [threading.Thread(target=lambda: [connection.execute(PUT) for _ in range(20)]) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(30)
            assert not each.is_alive()
    assert len(server.received) == 161
    assert sum(sent_directly(server)) == 160
    assert len({each.connection for each in server.received}) <= 9


def test_credentials_that_expire_in_the_middle_of_a_job_are_renewed(connect: Connect, tmp_path: Path) -> None:
    now, renewed = [datetime.now(UTC)], [0]

    def renew() -> dict[str, str]:
        renewed[0] += 1
        expiry = (now[0] + timedelta(hours=1)).isoformat()
        number = renewed[0]
        return {"access_key": f"id{number}", "secret_key": "s", "token": f"token{number}", "expiry_time": expiry}

    held: Any = RefreshableCredentials.create_from_metadata(renew(), renew, "test")
    held._time_fetcher = lambda: now[0]
    session: Any = Session()
    session._credentials = held
    with scripted_server(well, tmp_path) as server:
        connection = connect(server, boto3.Session(botocore_session=session, region_name="eu-west-1"))
        for _ in range(6):
            connection.execute(PUT)
            now[0] += timedelta(minutes=25)
    tokens = [each.headers["x-amz-security-token"] for each in server.received]
    keys = [each.headers["authorization"].partition("Credential=")[2].partition("/")[0] for each in server.received]
    assert sent_directly(server) == [False] + [True] * 5
    assert tokens == [f"token{key.removeprefix('id')}" for key in keys]
    assert tokens[0] == "token1"
    assert tokens[-1] == "token3"


def test_credentials_that_are_gone_are_an_error_with_a_remedy(connect: Connect, tmp_path: Path) -> None:
    def expired(request: Received) -> None:
        request.body()
        if request.by_botocore:
            request.answer()
        else:
            request.answer(b'{"__type": "x#ExpiredTokenException", "message": "The token is expired."}', 400)

    with scripted_server(expired, tmp_path) as server:
        connection = connect(server)
        connection.execute(UPDATE)
        with pytest.raises(ConfigurationError, match="renew the ones in use") as caught:
            connection.execute(UPDATE)
    assert caught.value.details["code"] == "ExpiredTokenException"


def test_a_clock_that_is_wrong_is_an_error_with_a_remedy(connect: Connect, tmp_path: Path) -> None:
    def skewed(request: Received) -> None:
        request.body()
        if request.by_botocore:
            request.answer(b"")
        else:
            request.answer(b"<Error><Code>RequestTimeTooSkewed</Code><Message>Too large.</Message></Error>", 403)

    with scripted_server(skewed, tmp_path) as server:
        connection = connect(server)
        connection.execute(PUT)
        with pytest.raises(ConfigurationError, match="clock is wrong"):
            connection.execute(PUT)


def test_behind_a_proxy_every_call_is_botocores(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server(well) as proxy, scripted_server(well) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        connection = connect(server)
        for _ in range(3):
            connection.execute(UPDATE)
        assert server.received == []
        assert [each.path for each in proxy.received] == [f"{server.url}/"] * 3
        assert sent_directly(proxy) == [False] * 3


def test_a_proxy_that_is_not_for_this_server_is_not_used(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with scripted_server(well) as proxy, scripted_server(well, tmp_path) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        connection = connect(server)
        for _ in range(3):
            connection.execute(UPDATE)
        assert proxy.received == []
    assert sent_directly(server) == [False, True, True]


def test_an_authority_that_is_not_trusted_is_not_reached(connect: Connect, tmp_path: Path) -> None:
    with scripted_server(well, tmp_path / "one") as server, scripted_server(well, tmp_path / "two") as other:
        connection = connect(Server(server.url, other.authority))
        with pytest.raises(TransientError, match="SSL validation failed"):
            connection.execute(UPDATE)
    assert server.received == []


def test_a_hook_that_changes_requests_keeps_its_effect(connect: Connect, tmp_path: Path) -> None:
    session, number = boto3.Session("id", "secret", region_name="eu-west-1"), iter(range(100))

    def trace(request: AWSRequest, **_: Any) -> None:
        request.headers["X-Trace"] = str(next(number))

    session.events.register("before-sign.*.*", trace)
    with scripted_server(well, tmp_path) as server:
        connection = connect(server, session)
        for _ in range(3):
            connection.execute(UPDATE)
    assert [each.headers["x-trace"] for each in server.received] == ["0", "1", "2"]


def test_an_address_for_one_service_is_kept(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server(well) as server, scripted_server(well) as other:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", other.url)
        connection = connect(Server("", None))
        for _ in range(2):
            connection.execute(UPDATE)
            connection.execute(INVOKE)
    assert [sent_directly(each) for each in (server, other)] == [[False, True]] * 2


def test_a_redirect_is_followed_by_botocore_and_learned_from(connect: Connect) -> None:
    moved = threading.Event()

    def redirect(request: Received) -> None:
        request.body()
        if moved.is_set() and "us-east-1" in request.headers["authorization"]:
            body = b"<Error><Code>PermanentRedirect</Code><Bucket>b</Bucket></Error>"
            request.answer(body if request.method != "HEAD" else b"", 301, x_amz_bucket_region="eu-west-1")
        else:
            request.answer(b"")

    with scripted_server(redirect) as server:
        connection = connect(server, boto3.Session("id", "secret", region_name="us-east-1"))
        for _ in range(2):
            connection.execute(PUT)
        moved.set()
        for _ in range(3):
            connection.execute(PUT)
    puts = [each for each in server.received if each.method == "PUT"]
    regions = ["eu-west-1" if "eu-west-1" in each.headers["authorization"] else "us-east-1" for each in puts]
    assert [each.by_botocore for each in puts[:3]] == [True, False, False]
    assert regions[-2:] == ["eu-west-1"] * 2
    assert not puts[-1].by_botocore


def test_calls_that_fail_on_the_way_are_tried_again_with_the_policy(connect: Connect, tmp_path: Path) -> None:
    failures = iter([503, None, 503, None])

    def unwell(request: Received) -> None:
        request.body()
        if not request.by_botocore and next(failures, 200) != 200:
            request.answer(b"", 503)
        elif not request.by_botocore and request.connection % 2:
            raise HangUp
        else:
            request.answer(b"")

    with scripted_server(unwell, tmp_path) as server:
        connection = connect(server)
        for _ in range(4):
            connection.execute(PUT)


def test_a_body_that_breaks_off_is_read_again(connect: Connect, tmp_path: Path) -> None:
    def broken(request: Received) -> None:
        if request.by_botocore or request.connection > 1:
            request.answer(b"whole")
        else:
            request.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwh")
            raise HangUp

    with scripted_server(broken, tmp_path) as server:
        connection = connect(server)
        read = BodyCall("s3", "get_object", {"Bucket": "b", "Key": "k"})
        assert [connection.execute(read) for _ in range(3)] == [b"whole"] * 3
        opened = connection.objects("b", "k")
        assert opened.size_bytes == 5
        opened.body.close()
    assert sent_directly(server) == [False, True, True, True, True]
