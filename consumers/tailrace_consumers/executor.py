"""Carries out calls with boto3: a client for each service, made when first needed, and our errors for its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tailrace_core.aws_errors import translated
from tailrace_core.calls import Call

ClientFactory = Callable[[str], Any]
"""Makes the client of a service, named as boto3 names it."""


def default_clients(service: str) -> Any:
    """A boto3 client that never waits long: a call that hangs would use up the function's time for all its messages."""
    import boto3  # noqa: PLC0415  slow to import, so the first client pays for it and not whoever imports this module
    from botocore.config import Config  # noqa: PLC0415  the same

    config = Config(
        connect_timeout=3,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=4,
    )
    return boto3.client(service, config=config)


class Boto3Executor:
    """Executes one `Call`, once as far as we are concerned; ``tailrace_core.retrying`` makes it persistent."""

    def __init__(self, make_client: ClientFactory = default_clients) -> None:
        self._make_client = make_client
        self._clients: dict[str, Any] = {}

    def __call__(self, call: Call) -> Mapping[str, Any]:
        """The service's answer. Raises one of ``tailrace_core.errors``."""
        operation = f"{call.service}.{call.operation}"
        try:
            if call.service not in self._clients:
                self._clients[call.service] = self._make_client(call.service)
            answer: Mapping[str, Any] = getattr(self._clients[call.service], call.operation)(**call.params)
        except Exception as exc:
            if not type(exc).__module__.startswith(("botocore.", "boto3.")):
                raise
            raise translated(exc, operation) from exc
        return answer
