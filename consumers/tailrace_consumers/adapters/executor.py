"""Carries out calls: a client for each service, made when first needed, and our errors for botocore's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from tailrace_consumers.adapters.clients import default_client
from tailrace_core.aws.calls import Call
from tailrace_core.aws.errors import translate_exception

ClientFactory = Callable[[str], Any]
"""Makes the client of a service, named as boto3 names it."""


class BotocoreExecutor:
    """Executes one `Call`, once as far as we are concerned; ``tailrace_core.aws.retrying`` makes it persistent.

    Threads may share it: clients serve several at a time. They are made one after the other, as their session demands.
    """

    def __init__(self, make_client: ClientFactory = default_client) -> None:
        self._make_client = make_client
        self._clients: dict[str, Any] = {}
        self._client_lock = Lock()

    def __call__(self, call: Call) -> Mapping[str, Any]:
        """The service's answer. Raises one of ``tailrace_core.errors``."""
        operation = f"{call.service}.{call.operation}"
        try:
            client = self._clients.get(call.service) or self._make(call.service)
            answer: Mapping[str, Any] = getattr(client, call.operation)(**call.params)
        except Exception as exc:
            if not type(exc).__module__.startswith(("botocore.", "boto3.")):
                raise
            raise translate_exception(exc, operation) from exc
        return answer

    def _make(self, service: str) -> Any:
        with self._client_lock:
            if service not in self._clients:
                self._clients[service] = self._make_client(service)
            return self._clients[service]
