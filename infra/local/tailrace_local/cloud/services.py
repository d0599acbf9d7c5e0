"""Services that answer requests beside MiniStack on the same port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tailrace_local.emulator_base.asgi import Receive, Scope, Send
from tailrace_local.emulator_base.resources import ResourceHandlers


class Service(Protocol):
    """Answers some of the requests that come in at the cloud's port."""

    def handles(self, scope: Scope) -> bool:
        """Return whether a connection is for this service."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...


class Emulator(Service, Protocol):
    """A service with background work and with CloudFormation types."""

    async def start(self) -> None:
        """Start the background work. The port answers already."""
        ...

    async def stop(self) -> None:
        """Stop the background work, and the processes that it started."""
        ...

    def cloudformation_handlers(self) -> Mapping[str, ResourceHandlers]:
        """Return the handlers of each type."""
        ...


class NullEmulator:
    """Stands for an emulator in a cloud of MiniStack alone."""

    def handles(self, scope: Scope) -> bool:  # noqa: ARG002 - the protocol's signature
        """Return False."""
        return False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raise RuntimeError: nothing routes a request here."""
        del receive, send
        raise RuntimeError(f"there is no SageMaker in this cloud to answer {scope['path']}")

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    def cloudformation_handlers(self) -> Mapping[str, ResourceHandlers]:
        """Return no type."""
        return {}


class CombinedService:
    """Several services as one. The first that handles a request answers it."""

    def __init__(self, *services: Service) -> None:
        self._services = services

    def handles(self, scope: Scope) -> bool:
        """Return whether any of the services handles the connection."""
        return any(service.handles(scope) for service in self._services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the first service that handles the request answer it."""
        service = next(service for service in self._services if service.handles(scope))
        await service(scope, receive, send)
