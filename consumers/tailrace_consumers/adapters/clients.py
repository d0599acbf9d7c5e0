"""Clients of AWS services, created by botocore.

boto3 adds nothing to clients that make single calls, and takes a tenth of a cold start (decision
93).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore
from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

SERVICES = ["dynamodb", "s3", "sagemaker", "sagemaker-runtime", "sns", "sqs", "stepfunctions"]
"""All services that the functions call."""
CONNECTIONS = 12
"""The connection pool of a client.

Four messages at a time each read an output and kept columns and write a part.
"""


class _ServiceModels(Loader):
    """A loader of the models of `SERVICES` alone: botocore's scans some 400 folders first."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 each has all the types that clients need
        return SERVICES


@cache
def session() -> Session:
    """Return the session that all clients of a process share: credentials, region data, hooks."""
    made = Session()
    made.register_component("data_loader", _ServiceModels())
    return made


def make_client(service: str, config: Config) -> Any:
    """Create a client of one of `SERVICES` with the environment's region and credentials."""
    return session().create_client(service, config=config)


def default_client(service: str, *, read_timeout_s: float = 20, attempts: int = 3) -> Any:
    """Create a client with short timeouts.

    A call that hangs would use up the function's time for all its messages.
    """
    return make_client(
        service,
        Config(
            connect_timeout=3,
            read_timeout=read_timeout_s,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=CONNECTIONS,
            # botocore would build its own for each request: a tenth of the cost of a small call.
            user_agent=f"tailrace Botocore/{botocore.__version__}",
        ),
    )
