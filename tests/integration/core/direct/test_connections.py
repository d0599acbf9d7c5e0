"""Direct calls over real TLS: broken, slow, false and early answers. Nothing waits without a limit."""

from __future__ import annotations

import gc
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import pytest

from tailrace_core.aws.calls import Call
from tailrace_core.aws.direct.caller import DirectCaller, Target
from tailrace_core.aws.direct.connections import ConnectionPool, Origin, Timeouts
from tailrace_core.aws.direct.requests import NotDirectError
from tailrace_core.aws.direct.signing import Credentials, Signer
from tailrace_core.errors import (
    AccessDeniedError,
    ConditionFailedError,
    ConfigurationError,
    NotFoundError,
    TailraceError,
    ThrottledError,
    TransientError,
)
from tests.integration.local.polling import eventually
from tests.scripted_server import LIMIT_S, HangUp, Received, Script, Server, scripted_server

UPDATE = Call("dynamodb", "update_item", {"TableName": "t", "Key": {"id": {"S": "1"}}})
BODY = b"1,2\n" * 1_000_000
PUT = Call("s3", "put_object", {"Bucket": "b", "Key": "k", "Body": BODY, "ContentType": "text/csv"})
GET = Call("s3", "get_object", {"Bucket": "b", "Key": "k"})
LONG = Timeouts(60, 60)
SHORT = Timeouts(60, 0.3)

Execute = Callable[[Call], Any]
MakeCaller = Callable[..., Execute]


@pytest.fixture
def caller() -> Iterator[MakeCaller]:
    """Makes executors of direct calls to a server."""
    pools: list[ConnectionPool] = []

    def make(server: Server, timeouts: Timeouts = LONG, ca: Path | None = None) -> Execute:
        port = urlsplit(server.url).port or 0
        origin = Origin("127.0.0.1", port, str(ca or server.authority) if server.authority else None)
        pools.append(ConnectionPool(timeouts))
        call = DirectCaller(pools[-1], lambda: Credentials("id", "secret", "token"))

        def execute(one: Call) -> Any:
            signer = Signer("eu-west-1", one.service)
            return call(one, Target(origin, f"127.0.0.1:{port}", "", signer, sign_payload=True, headers={}))

        return execute

    yield make
    for pool in pools:
        pool.close()


def well(request: Received) -> None:
    request.body()
    request.answer()


def in_turn(*scripts: Script) -> Script:
    """Follow one script after the other, the last one for all other requests."""
    left = list(scripts)

    def follow(request: Received) -> None:
        script = left.pop(0) if len(left) > 1 else left[0]
        script(request)

    return follow


def test_one_connection_serves_one_call_after_the_other(caller: MakeCaller, tmp_path: Path) -> None:
    with scripted_server(well, tmp_path) as server:
        execute = caller(server)
        for _ in range(3):
            execute(UPDATE)
            execute(PUT)
    assert {each.connection for each in server.received} == {0}


def test_a_pool_that_is_forgotten_closes_its_connections(tmp_path: Path) -> None:
    with scripted_server(well, tmp_path) as server:
        port = urlsplit(server.url).port or 0
        pool = ConnectionPool(LONG)
        target = Target(
            Origin("127.0.0.1", port, str(server.authority)),
            "",
            "",
            Signer("r", "dynamodb"),
            sign_payload=True,
            headers={},
        )
        DirectCaller(pool, lambda: Credentials("id", "secret"))(UPDATE, target)
        connection = pool.idle(target.origin)
        assert connection is not None
        pool.release(target.origin, connection)
        del pool
        gc.collect()
        assert not connection.reusable


def close_after_answer(request: Received) -> None:
    well(request)
    raise HangUp


def close_before_answer(request: Received) -> None:
    """Close an idle connection at the moment in which it is used again."""
    if request.turn:
        raise HangUp
    well(request)


@pytest.mark.parametrize("script", [close_after_answer, close_before_answer])
@pytest.mark.parametrize("call", [UPDATE, PUT])
@pytest.mark.parametrize("tls", [True, False])
def test_a_server_that_closes_idle_connections_is_not_noticed(
    caller: MakeCaller,
    script: Script,
    call: Call,
    tls: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
) -> None:
    with scripted_server(script, tmp_path if tls else None) as server:
        execute = caller(server)
        for _ in range(5):
            execute(call)
    assert len({each.connection for each in server.received}) == 5


def hang_up(_: Received) -> None:
    raise HangUp


def test_a_request_that_fails_on_a_new_connection_is_sent_once(caller: MakeCaller) -> None:
    """Only the retries around the executor repeat it, with their waits."""
    with scripted_server(hang_up) as server:
        with pytest.raises(TransientError, match="Connection was closed before we received a valid response"):
            caller(server)(UPDATE)
        assert len(server.received) == 1


def begin_and_close(request: Received) -> None:
    request.body()
    request.socket.sendall(b"HTTP/1.1 200")
    raise HangUp


def test_a_request_of_which_an_answer_has_begun_is_not_sent_again(caller: MakeCaller) -> None:
    with scripted_server(in_turn(well, begin_and_close)) as server:
        execute = caller(server)
        execute(UPDATE)
        with pytest.raises(TransientError):
            execute(UPDATE)
        assert len(server.received) == 2


def refuse_in_the_middle(request: Received) -> None:
    request.answer(b"<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>", 503, Retry_After="3")
    raise HangUp


@pytest.mark.parametrize("tls", [True, False])
def test_a_503_in_the_middle_of_a_body_ends_the_call_at_once(caller: MakeCaller, tls: bool, tmp_path: Path) -> None:  # noqa: FBT001
    with scripted_server(in_turn(well, refuse_in_the_middle, well), tmp_path if tls else None) as server:
        execute = caller(server)
        execute(UPDATE)
        started = time.monotonic()
        with pytest.raises(TransientError) as caught:
            execute(PUT)
        assert time.monotonic() - started < LONG.read_s / 2
        assert execute(UPDATE) == execute(UPDATE)
    # Where the connection was reset before the answer arrived, the error says that it broke.
    assert isinstance(caught.value, ThrottledError) or "broke" in caught.value.message


BROKEN = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Amz-Crc32: 7\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nno header\r\n\r\n{}",
    b"HTTP/1.1 200",
    b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: " + b"x" * 300_000,
]


@pytest.mark.parametrize("answer", BROKEN)
def test_a_truncated_or_broken_answer_may_be_asked_for_again(caller: MakeCaller, answer: bytes) -> None:
    def broken(request: Received) -> None:
        request.body()
        request.socket.sendall(answer)
        raise HangUp

    with scripted_server(in_turn(broken, well)) as server:
        execute = caller(server)
        with pytest.raises(TransientError):
            execute(UPDATE)
        assert "ResponseMetadata" in execute(UPDATE)


def never(request: Received) -> None:
    request.body()
    request.socket.recv(1)


def head_byte_by_byte(request: Received) -> None:
    request.body()
    for byte in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000:
        request.socket.sendall(bytes([byte]))
        time.sleep(0.01)


@pytest.mark.parametrize("slow", [never, head_byte_by_byte])
def test_a_slow_answer_hits_its_timeout(caller: MakeCaller, slow: Script, tmp_path: Path) -> None:
    with scripted_server(slow, tmp_path) as server:
        started = time.monotonic()
        with pytest.raises(TransientError, match="Read timeout on endpoint URL"):
            caller(server, SHORT)(UPDATE)
        # One byte after the other would take a minute, and the server gives up later.
        assert time.monotonic() - started < LIMIT_S / 2
        # It may read the request after the caller has given up.
        eventually(lambda: server.received, what="the request")
        assert len(server.received) == 1


def test_a_server_that_does_not_read_hits_the_timeout(caller: MakeCaller) -> None:
    put = Call("s3", "put_object", {**PUT.params, "Body": bytes(64 * 1024 * 1024)})
    with scripted_server(lambda _: time.sleep(1)) as server, pytest.raises(TransientError, match="Read timeout"):
        caller(server, SHORT)(put)


def test_interim_and_chunked_answers_are_read(caller: MakeCaller) -> None:
    def chunked(request: Received) -> None:
        request.body()
        head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        request.socket.sendall(head + b'a;x=y\r\n{"Item": {\r\n2\r\n}}\r\n0\r\nX: y\r\n\r\n')

    with scripted_server(chunked) as server:
        execute = caller(server)
        assert [execute(UPDATE)["Item"] for _ in range(3)] == [{}, {}, {}]
    assert {each.connection for each in server.received} == {0}


def test_a_certificate_of_another_authority_is_refused(caller: MakeCaller, tmp_path: Path) -> None:
    with scripted_server(well, tmp_path / "one") as server, scripted_server(well, tmp_path / "two") as other:
        with pytest.raises(TransientError, match="SSL validation failed"):
            caller(server, ca=other.authority)(UPDATE)
        assert server.received == []


def test_a_server_that_is_not_there_cannot_be_reached(caller: MakeCaller) -> None:
    with scripted_server(well) as server:
        pass
    with pytest.raises(TransientError, match="Could not connect to the endpoint URL"):
        caller(server)(UPDATE)


ERRORS: list[tuple[Call, int, bytes, type[TailraceError]]] = [
    (UPDATE, 400, b'{"__type":"x#ConditionalCheckFailedException","message":"no"}', ConditionFailedError),
    (UPDATE, 400, b'{"__type":"x#ExpiredTokenException","message":"expired"}', ConfigurationError),
    (PUT, 412, b"<Error><Code>PreconditionFailed</Code></Error>", ConditionFailedError),
    (GET, 404, b"<Error><Code>NoSuchKey</Code></Error>", NotFoundError),
    (GET, 403, b"<Error><Code>AccessDenied</Code></Error>", AccessDeniedError),
    (GET, 500, b"", TransientError),
    (UPDATE, 503, b"<html>busy</html>", TransientError),
]


@pytest.mark.parametrize(("call", "status", "body", "kind"), ERRORS)
def test_errors_are_translated_and_leave_the_connection_usable(
    caller: MakeCaller, call: Call, status: int, body: bytes, kind: type[TailraceError]
) -> None:
    def refuse(request: Received) -> None:
        request.body()
        request.answer(body, status)

    with scripted_server(in_turn(refuse, well)) as server:
        execute = caller(server)
        with pytest.raises(kind) as caught:
            execute(call)
        assert type(caught.value) is kind
        execute(UPDATE)
    assert {each.connection for each in server.received} == {0}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (301, b"<Error><Code>PermanentRedirect</Code></Error>"),
        (307, b"<Error><Code>TemporaryRedirect</Code></Error>"),
        (400, b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>"),
    ],
)
def test_a_bucket_in_another_region_is_for_botocore(caller: MakeCaller, status: int, body: bytes) -> None:
    def redirect(request: Received) -> None:
        request.body()
        request.answer(body, status)

    with scripted_server(redirect) as server, pytest.raises(NotDirectError):
        caller(server)(PUT)


def test_an_object_is_read_in_pieces_and_verified(caller: MakeCaller) -> None:
    checksum = b64encode(crc32(BODY).to_bytes(4, "big")).decode()
    with scripted_server(lambda request: request.answer(BODY, x_amz_checksum_crc32=checksum)) as server:
        execute = caller(server)
        answer = execute(GET)
        body = answer["Body"]
        pieces = iter(lambda: body.read(300_001), b"")
        assert b"".join(pieces) == BODY
        assert answer["ContentLength"] == len(BODY)
        assert execute(GET)["Body"].read() == BODY
    assert {each.connection for each in server.received} == {0}


@pytest.mark.parametrize("checksum", ["AAAAAA==", "AAAAAA==-3"])
def test_an_object_that_is_not_that_of_its_checksum_is_an_error(caller: MakeCaller, checksum: str) -> None:
    with scripted_server(lambda request: request.answer(BODY, x_amz_checksum_crc32=checksum)) as server:
        body = caller(server)(GET)["Body"]
        if "-" in checksum:  # of an object uploaded in parts
            assert body.read() == BODY
        else:
            with pytest.raises(TransientError, match="checksum"):
                body.read()


def test_an_object_that_breaks_off_is_an_error_and_one_that_is_closed_takes_its_connection_along(
    caller: MakeCaller,
) -> None:
    def broken(request: Received) -> None:
        request.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        raise HangUp

    with scripted_server(in_turn(broken, lambda request: request.answer(BODY))) as server:
        execute = caller(server)
        with pytest.raises(TransientError):
            execute(GET)["Body"].read()
        body = execute(GET)["Body"]
        assert body.read(5) == BODY[:5]
        body.close()
        assert execute(GET)["Body"].read() == BODY
    assert [each.connection for each in server.received] == [0, 1, 2]
