"""Moto as a server in a thread: one for boto3 and aioboto3 alike; each test gets a stack of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.integration.producer.stack import Pipeline, clients, deploy, pipeline
from tests.moto_tables import one_call_at_a_time


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with one_call_at_a_time():
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def client(moto_url: str) -> Callable[[str], Any]:
    return clients(moto_url)


@pytest.fixture
def stack(moto_url: str, client: Callable[[str], Any]) -> Pipeline:
    urlopen(Request(f"{moto_url}/moto-api/reset", method="POST"), timeout=60).close()  # noqa: S310 - our own server
    deploy(client)
    return pipeline(client)


@pytest.fixture
def session() -> boto3.Session:
    return boto3.Session("test", "test", region_name="eu-west-1")
