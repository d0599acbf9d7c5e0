import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tailrace_local.demo import demand
from tailrace_local.demo.demand import COLUMNS, Demand

from .conftest import Server, Start, Trained, environment

ROWS = b"".join(demand.chunks(Demand(rows=400, seed=8, header=False, unknown=0.1, quoted=0.1)))
ONE = b"1062,Beverages,Fruit Juice Mango,110,0.878183107,0,0,2018-01-01\n"
RECORDS = [
    piece
    for seed in range(60)
    for piece in demand.chunks(Demand(rows=1, seed=seed, header=False, quoted=0.2, unknown=0.2))
]


def raw(server: Server, sent: bytes) -> bytes:
    """Return the server's answer to these bytes, whose Host is `x` for its address, until it closes."""
    sent = sent.replace(b"Host: x\r\n", f"Host: 127.0.0.1:{server.port}\r\n".encode())
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_ping_is_answered(server: Server) -> None:
    assert server.ask("GET", "/ping")[:2] == (200, b"")


def test_every_row_has_its_prediction(server: Server) -> None:
    status, predictions, headers = server.ask("POST", "/invocations", ROWS, Content_Type="text/csv")
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert len(predictions.splitlines()) == 400
    assert predictions.endswith(b"\n")
    assert all(float(line) >= 0 for line in predictions.splitlines())


def test_predictions_are_near_what_is_sold(server: Server) -> None:
    rows = b"".join(demand.chunks(Demand(rows=5000, seed=77, header=False)))
    predicted = np.array([float(line) for line in server.invoke(rows)[1].splitlines()])
    sold = demand.targets(77, 5000)
    assert 1 - ((sold - predicted) ** 2).sum() / ((sold - sold.mean()) ** 2).sum() > 0.8


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(1, 59), max_size=8))
def test_a_prediction_depends_on_its_row_alone(server: Server, seed: int, cuts: list[int]) -> None:
    shuffled = random.Random(seed).sample(RECORDS, len(RECORDS))
    alone = {record: server.invoke(record)[1] for record in shuffled[:4]}
    bounds = sorted({0, *cuts, len(shuffled)})
    pieces = [server.invoke(b"".join(shuffled[first:last]))[1] for first, last in pairwise(bounds)]
    whole = server.invoke(b"".join(shuffled))[1]
    assert b"".join(pieces) == whole
    assert b"".join(alone.values()) == b"".join(whole.splitlines(keepends=True)[:4])


def test_a_row_in_a_large_request_is_predicted_as_it_is_alone(server: Server) -> None:
    rows = [row + b"\n" for row in b"".join(demand.chunks(Demand(rows=60_000, seed=6, header=False))).splitlines()]
    together = server.invoke(b"".join(rows))[1].splitlines(keepends=True)
    for at in (0, 1, 2047, 2048, 30_001, 59_998, 59_999):
        assert server.invoke(rows[at])[1] == together[at]


def test_line_ends_do_not_change_predictions(server: Server) -> None:
    rows = b"".join(demand.chunks(Demand(rows=50, seed=1, header=False)))
    assert server.invoke(rows.replace(b"\n", b"\r\n")) == server.invoke(rows) == server.invoke(rows.rstrip())


def test_what_was_never_seen_is_scored(server: Server) -> None:
    status, prediction = server.invoke(ONE.replace(b"1062,Beverages,Fruit Juice Mango,110", b"1,Kites,Stunt,9"))
    assert status == 200
    assert float(prediction) > 0


def test_a_blank_line_silently_costs_a_prediction(server: Server) -> None:
    status, predictions = server.invoke(ONE + b"\n" + ONE)
    assert (status, predictions.count(b"\n")) == (200, 2)


def test_an_empty_body_has_no_content_and_the_connection_goes_on(server: Server) -> None:
    connection = server.connection()
    for body in (b"", ONE, b"\n", ONE):
        connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"})
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == ((200, True) if body == ONE else (204, False))
    connection.close()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (ONE + ONE.replace(b"0.878183107", b"n/a"), b"line 2, column scaled_price: 'n/a' is not a number"),
        (ONE.replace(b"2018-01-01", b"soon"), b"line 1, column timestamp: 'soon' is not a date"),
        (ONE * 3 + b"1,2\n", b"line 4: 2 fields; the model takes 8"),
        (ONE + ",".join(COLUMNS).encode(), b"line 2, column product_code: this is a header"),
        (ONE + b'"', b"line 2: not CSV"),
        (b"\xff\xfe", b"line 1: byte 0xff is not UTF-8"),
    ],
)
def test_a_row_that_cannot_be_read_is_a_400_that_names_it(server: Server, body: bytes, message: bytes) -> None:
    status, answer = server.invoke(body)
    assert status == 400
    assert answer.startswith(message)
    assert server.invoke(ONE)[0] == 200


def test_other_types_paths_and_methods_are_refused(server: Server) -> None:
    assert server.invoke(ONE, Content_Type="application/json")[0] == 415
    assert server.invoke(ONE, Accept="application/json")[0] == 406
    assert server.ask("POST", "/elsewhere", ONE)[0] == 404
    assert server.ask("GET", "/")[0] == 404
    status, _, headers = server.ask("GET", "/invocations")
    assert (status, headers["Allow"]) == (405, "POST")
    status, _, headers = server.ask("POST", "/ping", b"body")
    assert (status, headers["Allow"]) == (405, "GET")
    assert server.ask("DELETE", "/ping")[0] == 501


def test_custom_attributes_are_ignored(server: Server) -> None:
    assert server.invoke(ONE, X_Amzn_SageMaker_Custom_Attributes="trace=1") == server.invoke(ONE)


def chunks_of(body: bytes, size: int) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def test_chunked_bodies_are_read(server: Server) -> None:
    connection = server.connection()
    headers = {"Content-Type": "text/csv"}
    for _ in range(2):  # the second shows that the first was read to its end
        connection.request("POST", "/invocations", chunks_of(ROWS, 777), headers, encode_chunked=True)
        assert (200, server.invoke(ROWS)[1]) == ((response := connection.getresponse()).status, response.read())
    connection.close()


def test_more_than_six_mebibytes_are_refused_and_exactly_that_is_not(server: Server) -> None:
    limit = 6 * 1024 * 1024
    assert server.invoke(b"\n" * limit)[0] == 204
    status, message = server.invoke(b"\n" * (limit + 1))
    assert (status, b"6291456 bytes" in message) == (413, True)


def test_a_refused_client_that_sends_everything_first_still_reads_the_answer(server: Server) -> None:
    assert server.invoke(b"\n" * 40_000_000)[0] == 413
    connection = server.connection()
    body = chunks_of(b"\n" * 9_000_000, 1 << 16)
    connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_client_that_asks_first_is_spared_sending_too_much(server: Server) -> None:
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nExpect: 100-continue\r\n"
    answer = raw(server, head + b"Content-Length: 99999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    taken = raw(server, head + f"Content-Length: {len(ONE)}\r\n\r\n".encode() + ONE)
    assert taken.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Content-Length: 50\r\n\r\nshort",
    ],
)
def test_a_malformed_body_is_a_400_and_ends_the_connection(server: Server, head: bytes) -> None:
    answer = raw(server, b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n" + head)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"Connection: close" in answer


def test_a_body_with_a_ping_is_not_taken_for_the_next_request(server: Server) -> None:
    smuggled = f"GET /ping HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    answer = raw(
        server, f"GET /ping HTTP/1.1\r\nHost: x\r\nContent-Length: {len(smuggled)}\r\n\r\n".encode() + smuggled
    )
    assert answer.count(b"HTTP/1.1 200") == 1


def test_requests_side_by_side_get_their_own_answers(server: Server) -> None:
    lengths = [1, 5, 17, 60] * 10
    starts = [end % (len(RECORDS) - 60 + 1) for end in accumulate(lengths)]
    bodies = [b"".join(RECORDS[first : first + length]) for first, length in zip(starts, lengths, strict=True)]
    expected = [server.invoke(body) for body in bodies]
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(server.invoke, bodies)) == expected


def test_no_row_is_written_to_the_log(server: Server) -> None:
    server.invoke(ONE.replace(b"0.878183107", b"secret-cell"))
    server.invoke(ONE.replace(b"1062", b"secret-code"))
    assert not [line for line in server.log if "secret" in line]


def test_the_limit_comes_from_the_environment(start: Start) -> None:
    small = start(MAX_CONTENT_LENGTH=str(len(ONE)))
    assert small.invoke(ONE)[0] == 200
    assert small.invoke(ONE + b"\n")[0] == 413


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_in_spite_of_open_connections(start: Start, number: signal.Signals) -> None:
    ending = start()
    idle = ending.connection()
    idle.request("GET", "/ping")
    idle.getresponse().read()
    ending.process.send_signal(number)
    assert ending.process.wait(60) == 0
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        ending.ask("GET", "/ping")


def test_a_request_under_way_is_answered_before_the_end(start: Start) -> None:
    ending = start()
    with socket.create_connection(("127.0.0.1", ending.port), timeout=20) as connection:
        head = f"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1:{ending.port}\r\nContent-Type: text/csv\r\n"
        connection.sendall(f"{head}Content-Length: {len(ONE)}\r\n".encode() + b"Expect: 100-continue\r\n\r\n")
        # Its head has been read, so the request is under way; then the end, then the rest of the
        # body.
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(ONE[:10])
        ending.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            ending.process.wait(0.5)
        connection.sendall(ONE[10:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in answer
    assert ending.process.wait(60) == 0


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SAGEMAKER_BIND_TO_PORT": "http"}, "SAGEMAKER_BIND_TO_PORT is 'http'"),
        ({"MAX_CONTENT_LENGTH": "6MB"}, "MAX_CONTENT_LENGTH is '6MB'"),
        ({"SM_MODEL_DIR": "/nowhere"}, "no model: /nowhere/model.json does not exist"),
    ],
)
def test_a_server_that_cannot_serve_says_why_and_ends(
    model_python: Path, trained: Trained, variables: dict[str, str], message: str
) -> None:
    variables = {"SM_MODEL_DIR": str(trained.folder), "SAGEMAKER_BIND_TO_PORT": "0", **variables}
    command = [str(model_python), "-m", "tailrace_local.demo.model", "serve"]
    ended = subprocess.run(
        command, env=environment(**variables), check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"model server: {message}")
