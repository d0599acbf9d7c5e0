"""Clients of AWS's services, made by botocore itself.

boto3 has nothing to add to a client that makes single calls, and takes a tenth of a cold start (decision 93).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore
from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

SERVICES = ["dynamodb", "s3", "sagemaker", "sagemaker-runtime", "sns", "sqs"]
"""All that any function calls."""
CONNECTIONS = 12
"""Of a client: four messages at a time, each of which reads an output and kept columns while it writes its part."""


class _ServiceModels(Loader):
    """Finds the descriptions of `SERVICES` without looking through those of all others first, some 400 folders."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 each has all types that clients need
        return SERVICES


@cache
def session() -> Session:
    """What the clients of a process share: credentials, the description of regions, hooks."""
    made = Session()
    made.register_component("data_loader", _ServiceModels())
    return made


def make_client(service: str, config: Config) -> Any:
    """A client of one of `SERVICES`, for the region and with the credentials of the environment."""
    return session().create_client(service, config=config)


def default_client(service: str) -> Any:
    """A client that never waits long: a call that hangs would use up the function's time for all its messages."""
    return make_client(
        service,
        Config(
            connect_timeout=3,
            read_timeout=20,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=CONNECTIONS,
            # botocore would make up its own anew for each request: a tenth of what a small call costs.
            user_agent=f"tailrace Botocore/{botocore.__version__}",
        ),
    )
