"""Moto as a server in a thread."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


class _Dispatcher(DomainDispatcherApplication):
    """Finds the backend of a host once; moto lists its folders for each request."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(create_backend_app)
        self._paths = paths
        self.get_backend_for_host = functools.cache(super().get_backend_for_host)  # type: ignore[method-assign]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self._paths.append(environ["PATH_INFO"])
        return super().__call__(environ, start_response)


@contextmanager
def moto_server(paths: list[str] | None = None) -> Iterator[str]:
    """Serve moto until the block ends; yields its URL. ``paths`` collects those of all requests."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(
        "127.0.0.1", 0, _Dispatcher([] if paths is None else paths), threaded=True, request_handler=MotoRequestHandler
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
