"""Carries out calls: a client for each service, made when first needed, and our errors for botocore's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tailrace_consumers.clients import default_client
from tailrace_core.aws_errors import translated
from tailrace_core.calls import Call

ClientFactory = Callable[[str], Any]
"""Makes the client of a service, named as boto3 names it."""


class Boto3Executor:
    """Executes one `Call`, once as far as we are concerned; ``tailrace_core.retrying`` makes it persistent."""

    def __init__(self, make_client: ClientFactory = default_client) -> None:
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
