"""``python -m tests.benchmarks.sink FOLDER``: prints its port, serves until its stdin ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import sys
import threading
import time
from io import FileIO
from pathlib import Path

from tests.benchmarks.sink.responses import Responder
from tests.benchmarks.sink.wire import Connection

_PROCESSES = 4


def main(folder: Path) -> None:
    """Accept connections at one address in several processes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        workers = [worker for _ in range(_PROCESSES) if (worker := _forked(listener, context, folder))]
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
        os.waitpid(worker, 0)


def _forked(listener: socket.socket, context: ssl.SSLContext, folder: Path) -> int:
    worker = os.fork()
    if worker:
        return worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (folder / "log").open("ab", buffering=0) as log:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, context, Responder(folder), log), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, responder: Responder, log: FileIO) -> None:
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A client that leaves in the middle has what it wanted, or says itself what it lacks.
    with contextlib.suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as secured:
        connection = Connection(secured)
        while (request := connection.request()) is not None:
            response = responder.respond_to(request)
            time.sleep(response.delay_s)
            # One write to a file that is open for appending: lines of several processes do not mix.
            log.write(f"{response.logged}\n".encode())
            if response.file is None:
                connection.respond(response.status, response.headers, response.body)
            else:
                connection.send(response.file, response.headers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
