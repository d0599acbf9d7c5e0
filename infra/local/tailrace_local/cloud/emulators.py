"""The SageMaker emulator inside the cloud: its requests, and its CloudFormation types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from tailrace_local.cloud.ministack import MiniStack

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ResourceHandlers(Protocol):
    """How CloudFormation makes, changes and removes one type.

    `update` answers another physical id when it made a replacement; the predecessor is deleted after the stack's
    update succeeded, and the replacement when it is rolled back.
    """

    def create(self, logical_id: str, properties: Mapping[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]: ...

    def update(
        self,
        physical_id: str,
        old_properties: Mapping[str, Any],
        new_properties: Mapping[str, Any],
        stack_name: str,
    ) -> tuple[str, dict[str, Any]]: ...

    def delete(self, physical_id: str, properties: Mapping[str, Any]) -> None: ...


class Emulator(Protocol):
    """A service beside MiniStack on the same port."""

    def handles(self, scope: Scope) -> bool: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def cloudformation_handlers(self) -> Mapping[str, ResourceHandlers]: ...


class NoEmulator:
    """A cloud of MiniStack alone."""

    def handles(self, _scope: Scope) -> bool:
        """Nothing is for it."""
        return False

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Never called."""
        raise RuntimeError(f"there is no SageMaker in this cloud to answer {scope['path']}")

    async def start(self) -> None:
        """There is nothing to start."""

    async def stop(self) -> None:
        """There is nothing to stop."""

    def cloudformation_handlers(self) -> Mapping[str, ResourceHandlers]:
        """No type."""
        return {}


def teach(ministack: MiniStack, emulator: Emulator) -> None:
    """Have CloudFormation provision the emulator's types."""
    for name, handlers in emulator.cloudformation_handlers().items():
        ministack.add_resource_type(
            name, {"create": handlers.create, "update": handlers.update, "delete": handlers.delete}
        )
