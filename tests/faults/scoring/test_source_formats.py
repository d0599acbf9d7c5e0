"""A model that takes nothing but JSON scores rows of JSON Lines and Parquet, texts and numbers apart."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from tailrace.cli.application import run
from tailrace.cli.environment import Environment

ROWS: list[dict[str, Any]] = [
    {"id": "007", "code": "7", "amount": 7, "note": None},
    {"id": "008", "code": "true", "amount": -1.5, "note": 'a "b",\nc'},
    {"id": "009", "code": "null", "amount": 3, "note": "é😀"},
]
ANSWERS = {"007": "7.0", "008": "-1.5", "009": "3.0"}


class _JsonOnly(BaseHTTPRequestHandler):
    """Answers ``{"instances": [...]}`` whose values have the right types; all else is refused."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        try:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            (rows,) = body.values()
            assert list(body) == ["instances"]
            assert self.headers["Content-Type"] == "application/json"
            for row in rows:
                assert isinstance(row["code"], str)
                assert type(row["amount"]) in {int, float}
                assert row["note"] is None or isinstance(row["note"], str)
                assert row in [{name: each[name] for name in row} for each in ROWS]
            status, answer = 200, json.dumps({"predictions": [float(row["amount"]) for row in rows]}).encode()
        except (ValueError, KeyError, AssertionError, AttributeError) as error:
            status, answer = 400, repr(error).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def _serving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _JsonOnly) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _lines() -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)


def _parquet() -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(ROWS), file, row_group_size=2)
    return file.getvalue()


@pytest.mark.parametrize("body", [_lines(), _parquet()], ids=["JSON Lines", "Parquet"])
def test_texts_and_numbers_stay_apart_on_their_way_to_the_model(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(body)
    out, err = io.BytesIO(), io.StringIO()
    environment = Environment(stdout=out, stderr=err)
    with _serving() as url:
        arguments = ("--model-url", url, "--keep", "id", "--request", "json", "--accept", "application/json")
        assert run(("score", str(tmp_path / "rows"), *arguments), environment) == 0, err.getvalue()
    assert dict(csv.reader(io.StringIO(out.getvalue().decode()))) == {"id": "prediction", **ANSWERS}


def test_a_bad_line_is_rejected_and_the_others_are_scored(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(_lines() + b'{"id": "x", "amount": 1, "Note": 2}\n')
    out, err = io.BytesIO(), io.StringIO()
    with _serving() as url:
        arguments = ("--model-url", url, "--keep", "id", "--request", "json", "--accept", "application/json")
        rejects = tmp_path / "rejects.csv"
        code = run(
            ("score", str(tmp_path / "rows.jsonl"), *arguments, "--rejects", str(rejects)),
            Environment(stdout=out, stderr=err),
        )
    assert code == 3, err.getvalue()
    assert b'3,"unknown key ""Note""","{""id"": ""x"", ""amount"": 1, ""Note"": 2}"\n' in rejects.read_bytes()
