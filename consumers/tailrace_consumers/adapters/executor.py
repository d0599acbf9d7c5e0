"""The executor of AWS calls.

Creates a client per service on first use and translates botocore's errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from tailrace_core.aws.calls import Call
from tailrace_core.aws.errors import translate_exception

ClientFactory = Callable[[str], Any]
"""Creates the client of a service, by boto3's name of it."""


class BotocoreExecutor:
    """Executes one `Call`, without retries of its own; ``tailrace_core.aws.retrying`` adds those.

    Thread-safe: botocore's clients are. They are created one after the other, because their session
    is not.
    """

    def __init__(self, make_client: ClientFactory | None = None) -> None:
        """``make_client`` defaults to `tailrace_consumers.adapters.clients.default_client`."""
        self._make_client = make_client
        self._clients: dict[str, Any] = {}
        self._client_lock = Lock()

    def __call__(self, call: Call) -> Mapping[str, Any]:
        """Return the service's response. Raises one of ``tailrace_core.errors``."""
        operation = f"{call.service}.{call.operation}"
        try:
            client = self._clients.get(call.service) or self._make(call.service)
            answer: Mapping[str, Any] = getattr(client, call.operation)(**call.client_params())
        except Exception as exc:
            if not type(exc).__module__.startswith(("botocore.", "boto3.")):
                raise
            raise translate_exception(exc, operation) from exc
        return answer

    def _make(self, service: str) -> Any:
        with self._client_lock:
            if self._make_client is None:
                # Importing botocore is most of a cold start, and most functions need none of it.
                from tailrace_consumers.adapters.clients import default_client  # noqa: PLC0415

                self._make_client = default_client
            if service not in self._clients:
                self._clients[service] = self._make_client(service)
            return self._clients[service]
