"""The SageMaker emulator inside the cloud: its requests, and its CloudFormation types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ResourceHandlers(Protocol):
    """How CloudFormation makes, changes and removes one type.

    `update` answers another physical id when it made a replacement; the predecessor is deleted after the stack's
    update succeeded, and the replacement when it is rolled back.
    """

    def create(self, logical_id: str, properties: Mapping[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        """Make one."""
        ...

    def update(
        self,
        physical_id: str,
        old_properties: Mapping[str, Any],
        new_properties: Mapping[str, Any],
        stack_name: str,
    ) -> tuple[str, dict[str, Any]]:
        """Change one, or make its replacement."""
        ...

    def delete(self, physical_id: str, properties: Mapping[str, Any]) -> None:
        """Remove one."""
        ...


class Service(Protocol):
    """What answers requests beside MiniStack on the same port."""

    def handles(self, scope: Scope) -> bool:
        """Whether a connection is for it."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...


class Emulator(Service, Protocol):
    """Such a service, with what it does by itself and its CloudFormation types."""

    async def start(self) -> None:
        """Start what it does by itself; the port answers already."""
        ...

    async def stop(self) -> None:
        """Stop it, and the processes that it started."""
        ...

    def cloudformation_handlers(self) -> Mapping[str, ResourceHandlers]:
        """Its types."""
        ...


class NullEmulator:
    """A cloud of MiniStack alone."""

    def handles(self, scope: Scope) -> bool:  # noqa: ARG002 - the protocol's signature
        """Nothing is for it."""
        return False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Never called."""
        del receive, send
        raise RuntimeError(f"there is no SageMaker in this cloud to answer {scope['path']}")

    async def start(self) -> None:
        """There is nothing to start."""

    async def stop(self) -> None:
        """There is nothing to stop."""

    def cloudformation_handlers(self) -> Mapping[str, ResourceHandlers]:
        """No type."""
        return {}


class CombinedService:
    """Several of them; the first one that a request is for answers it."""

    def __init__(self, *services: Service) -> None:
        self._services = services

    def handles(self, scope: Scope) -> bool:
        """Whether any of them takes it."""
        return any(service.handles(scope) for service in self._services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the one answer whose it is."""
        service = next(service for service in self._services if service.handles(scope))
        await service(scope, receive, send)
