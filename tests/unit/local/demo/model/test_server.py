from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from tailrace_local.demo.model.server import ModelServer, Settings, _Handler


def test_who_was_told_to_go_on_is_waited_for_before_its_answer_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = threading.Event()
    monkeypatch.setattr(_Handler, "do_POST", lambda _: begin.wait(20))
    with ModelServer(Settings(Path(), port=0), cast("Any", None)) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            with socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=20) as client:
                client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
                assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
                assert not server.drained(0)
                begin.set()
                assert server.drained(20)
        finally:
            begin.set()
            server.shutdown()
            serving.join(20)
