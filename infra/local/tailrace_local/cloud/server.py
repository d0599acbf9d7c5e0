"""Serves the cloud until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
import urllib.error
import urllib.request
from pathlib import Path

from tailrace_local.cloud.composition import Cloud
from tailrace_local.cloud.ministack.environment import Environment
from tailrace_local.cloud.serving.http_server import CloudServer
from tailrace_local.cloud.serving.listeners import Listeners
from tailrace_local.cloud.serving.router import STATUS_PATH
from tailrace_local.cloud.settings import CloudSettings
from tailrace_local.state_directory import StateDirectory

_log = logging.getLogger("tailrace.cloud")
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 15.0


def run(settings: CloudSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    state = StateDirectory(Path(settings.state_dir))
    listeners = Listeners.open(state.tls if settings.tls else None)
    Environment(
        listeners.port,
        settings.region,
        settings.account_id,
        state.temporary,
        settings.enforce_iam,
        settings.secret_access_key,
        listeners.listening.ca_bundle,
    ).apply()
    asyncio.run(_serve(settings, listeners, state))


async def _serve(settings: CloudSettings, listeners: Listeners, state: StateDirectory) -> None:
    listening = listeners.listening
    cloud = Cloud(settings, listening)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.starter_fd is not None:
        _watch_starter(loop, settings.starter_fd, stop)
    serving = CloudServer(cloud.app, listeners, token=state.read_token(), allowed_origins=settings.allowed_origins)
    # The server outlives the signal: pollers and functions use it until they have stopped.
    server = asyncio.create_task(serving.serve())
    try:
        await _wait_until_answering(listening.plain_url or listening.endpoint_url, server)
        await cloud.start()
        state.write_address(listening)
        _log.info("listening at %s", listening.endpoint_url)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, server}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        _log.info("stopping")
        try:
            await asyncio.wait_for(cloud.stop(), _STOP_WITHIN_S)
        finally:
            serving.stop()
            await asyncio.wait({server}, timeout=_STOP_WITHIN_S)
    if server.done() and (error := server.exception()):
        raise error


def _watch_starter(loop: asyncio.AbstractEventLoop, pipe: int, stop: asyncio.Event) -> None:
    """Stop when the starter has ended.

    The pipe, to which nothing is written, becomes readable then.
    """

    def ended() -> None:
        _log.warning("the process that started this cloud has ended")
        loop.remove_reader(pipe)
        stop.set()

    loop.add_reader(pipe, ended)


async def _wait_until_answering(url: str, server: asyncio.Task[None]) -> None:
    """Wait until the port answers."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _READY_WITHIN_S
    while loop.time() < deadline:
        if server.done():
            await server
            raise RuntimeError("the server ended while it started")
        try:
            await asyncio.to_thread(_get, url + STATUS_PATH)
        except (urllib.error.URLError, OSError):
            await asyncio.sleep(0.05)
        else:
            return
    raise TimeoutError(f"{url} did not answer within {_READY_WITHIN_S:.0f} s")


def _get(url: str) -> None:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http address
        answer.read()
