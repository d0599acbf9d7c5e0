"""The client of a container: where rows go, how long it waits, and which answers it takes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tailrace.scoring.container_invoker import ContainerInvoker, model_address
from tailrace.scoring.invoker import InvocationFailedError
from tailrace_core.errors import InputError, TransientError
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import FailureClass


@contextlib.contextmanager
def answering(response: bytes, *, pause: threading.Event | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """Serve bytes as the response to each request; yield the URL and the requests' first lines."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, connection.makefile("rb") as reader:
                        seen.append(reader.readline().rstrip())
                        length = 0
                        while (line := reader.readline().strip()) != b"":
                            if line.lower().startswith(b"content-length:"):
                                length = int(line.split(b":")[1])
                        reader.read(length)
                        connection.sendall(response)
                        if pause is not None:
                            pause.wait(240)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
        server.shutdown(socket.SHUT_RDWR)


def invoked(url: str, **settings: Any) -> bytes:
    with contextlib.closing(ContainerInvoker(url, **settings)) as invoker:
        return invoker.invoke(b"1\n")


def failure(response: bytes, **settings: Any) -> FailureClass:
    with answering(response) as (url, _), pytest.raises(InvocationFailedError) as failed:
        invoked(url, **settings)
    return classify(failed.value.message)


def test_rows_go_to_the_address_alone_whatever_a_redirect_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    response = b"HTTP/1.1 307 Away\r\nLocation: http://elsewhere.example/invocations\r\nContent-Length: 0\r\n\r\n"
    with answering(response) as (url, seen):
        with pytest.raises(
            InputError, match=r"points to http://elsewhere.example/invocations: rows are sent to no other"
        ):
            ContainerInvoker(url).invoke(b"1\n")
        assert seen == [b"POST /invocations HTTP/1.1"]


def test_an_answer_that_does_not_say_its_length_is_refused() -> None:
    """The last number of one that breaks off may be cut, and still be a number."""
    assert failure(b"HTTP/1.1 200 OK\r\n\r\n0.123") is FailureClass.INFRASTRUCTURE
    assert failure(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n0.123") is FailureClass.TRANSIENT
    assert failure(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0.123\r\n") is FailureClass.TRANSIENT
    assert failure(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n0.123") is FailureClass.TRANSIENT


def test_an_answer_in_http_chunks_is_whole_at_its_last_chunk() -> None:
    response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n0.1\r\n3\r\n23\n\r\n0\r\n\r\n"
    with answering(response) as (url, _):
        assert invoked(url) == b"0.123\n"


def test_what_is_no_http_is_no_answer() -> None:
    assert failure(b"SSH-2.0-OpenSSH_9.9\r\n\r\n") is FailureClass.TRANSIENT


def test_an_answer_has_a_largest_size() -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n1234567\n"
    assert failure(response, max_answer_bytes=7) is FailureClass.TOO_LARGE


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n0.1"])
def test_a_wait_for_an_answer_has_an_end(begun: bytes) -> None:
    pause = threading.Event()
    with answering(begun, pause=pause) as (url, _), pytest.raises(InvocationFailedError) as failed:
        invoked(url, timeout_s=0.2)
    pause.set()
    assert classify(failed.value.message) is FailureClass.TOO_LARGE


def test_a_close_ends_a_request_under_way() -> None:
    pause = threading.Event()
    with answering(b"", pause=pause) as (url, seen):
        invoker = ContainerInvoker(url, timeout_s=60.0)
        failed: list[BaseException] = []

        def invoke() -> None:
            try:
                invoker.invoke(b"1\n")
            except InvocationFailedError as exc:
                failed.append(exc)

        thread = threading.Thread(target=invoke)
        thread.start()
        while not seen:
            thread.join(0.01)
        invoker.close()
        thread.join(120)
        pause.set()
    assert failed
    with pytest.raises(InvocationFailedError):
        invoker.invoke(b"1\n")


def test_a_container_that_is_not_ready_is_said() -> None:
    with answering(b"HTTP/1.1 503 Loading\r\nContent-Length: 0\r\n\r\n") as (url, seen):
        with pytest.raises(TransientError, match="answers 503"):
            ContainerInvoker(url + "/prefix").ping()
        assert seen == [b"GET /prefix/ping HTTP/1.1"]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("https://host/a/invocations", "https://host/a"),
        ("http://[::1]:8080/invocations/", "http://[::1]:8080"),
    ],
)
def test_the_address_is_that_of_the_server(url: str, address: str) -> None:
    assert model_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:8080",
        "file:///etc/passwd",
        "http://",
        "http://h:0",
        "http://h:99999",
        "http://h/ x",
        "http://h?q",
        "http://a:b@h",
        "http://h/\n",
    ],
)
def test_anything_else_is_no_address(url: str) -> None:
    with pytest.raises(InputError):
        model_address(url)
