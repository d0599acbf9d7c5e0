"""Moto as a server in a thread: one for boto3 and aioboto3 alike; each test gets a stack of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest

from tests.integration.producer.sessions import sync_session
from tests.integration.producer.stack import Pipeline, clients, deploy, pipeline
from tests.moto_server import moto_server
from tests.moto_tables import one_call_at_a_time


@pytest.fixture(scope="session")
def moto_paths() -> list[str]:
    """Paths of all requests that have reached moto."""
    return []


@pytest.fixture(scope="session")
def moto_url(moto_paths: list[str]) -> Iterator[str]:
    with one_call_at_a_time(), moto_server(moto_paths) as url:
        yield url


@pytest.fixture
def client(moto_url: str) -> Callable[[str], Any]:
    return clients(moto_url)


@pytest.fixture
def new_stack(moto_url: str, client: Callable[[str], Any]) -> Callable[[], Pipeline]:
    """Forget everything and deploy anew: moto copies whole tables, so that full ones are slow."""

    def deployed() -> Pipeline:
        urlopen(Request(f"{moto_url}/moto-api/reset", method="POST"), timeout=60).close()  # noqa: S310 - our own server
        deploy(client)
        return pipeline(client)

    return deployed


@pytest.fixture
def stack(new_stack: Callable[[], Pipeline]) -> Pipeline:
    return new_stack()


@pytest.fixture
def session() -> boto3.Session:
    return sync_session()
