"""AWS::SageMaker::Model, ::EndpointConfig and ::Endpoint for a CloudFormation engine.

The engine calls from its own threads. Each call runs on the emulator's event loop, and the thread
waits for it with a timeout.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from tailrace_local.emulator_base.coercion import coerce_properties, pick_members
from tailrace_local.emulator_base.errors import ResourceError
from tailrace_local.emulator_base.resources import Properties, ProvisionedResource, ResourceHandlers
from tailrace_local.sagemaker.clock import NewId
from tailrace_local.sagemaker.control.operations import ControlPlane, Registry
from tailrace_local.sagemaker.control.properties import refuse_unknown
from tailrace_local.sagemaker.hosting.endpoints import Endpoint, EndpointStatus
from tailrace_local.sagemaker.locations import resource_name

R = TypeVar("R")
_SERVICE = "sagemaker"
_SETTLE_TIMEOUT_S = 900.0
_CALL_TIMEOUT_S = 1000.0
_POLL_S = 0.05
_NAME_LENGTH = 63
_SUFFIX_LENGTH = 12


class EventLoopBridge:
    """Runs coroutines on the emulator's event loop from other threads.

    `loop` is set between `start` and `stop`.
    """

    loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Run `work` on the loop and return its result.

        Do not call it from the loop's own thread.
        """
        if self.loop is None:
            work.close()
            raise ResourceError("The SageMaker emulator is not running: start it first.")
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_CALL_TIMEOUT_S)


class Resource:
    """One resource type. Any change but one of tags replaces a model or a configuration."""

    def __init__(self, kind: str, control: ControlPlane, bridge: EventLoopBridge, new_id: NewId) -> None:
        self._kind = kind
        self._name = f"{kind}Name"
        self._control = control
        self._bridge = bridge
        self._new_id = new_id

    def handlers(self) -> ResourceHandlers:
        """Return the handlers of this type."""
        return ResourceHandlers(self.create, self.update, self.delete)

    def create(self, logical_id: str, properties: Properties, stack_name: str) -> ProvisionedResource:  # noqa: ARG002 - the interface's
        """Create a resource."""
        return self._bridge.run(self._create(logical_id, properties))

    def update(self, physical_id: str, old: Properties, new: Properties, stack_name: str) -> ProvisionedResource:  # noqa: ARG002 - same
        """Update or replace a resource."""
        return self._bridge.run(self._update(physical_id, old, new))

    def delete(self, physical_id: str, properties: Properties) -> None:  # noqa: ARG002 - the interface's
        """Delete a resource."""
        self._bridge.run(self._delete(resource_name(physical_id)))

    async def _create(self, logical_id: str, properties: Properties) -> ProvisionedResource:
        refuse_unknown(self._kind, properties)
        create = self._operation("Create")
        asked = coerce_properties(create, properties, service=_SERVICE)
        name = asked.setdefault(self._name, self._generated(logical_id))
        answer = await self._control.call(create, pick_members(create, asked, service=_SERVICE))
        return self._physical(answer[f"{self._kind}Arn"], name)

    async def _update(self, physical_id: str, old: Properties, new: Properties) -> ProvisionedResource:
        name = resource_name(physical_id)
        if _untagged(old) == _untagged(new):
            await self._retag(physical_id, old, new)
            return self._physical(physical_id, name)
        if new.get(self._name) == name:
            raise ResourceError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {name} and update the stack again."
            )
        return await self._create(name.rpartition("-")[0] or name, new)

    async def _delete(self, name: str) -> None:
        if self._exists(name):
            await self._control.call(self._operation("Delete"), {self._name: name})

    def _exists(self, name: str) -> bool:
        raise NotImplementedError

    def _operation(self, verb: str) -> str:
        return f"{verb}{self._kind}"

    def _physical(self, arn: str, name: str) -> ProvisionedResource:
        return arn, {self._name: name}

    def _generated(self, logical_id: str) -> str:
        suffix = self._new_id().replace("-", "")[:_SUFFIX_LENGTH]
        return f"{logical_id[: _NAME_LENGTH - _SUFFIX_LENGTH - 1]}-{suffix}"

    async def _retag(self, arn: str, old: Properties, new: Properties) -> None:
        tags = list(new.get("Tags", ()))
        gone = {tag["Key"] for tag in old.get("Tags", ())} - {tag["Key"] for tag in tags}
        if gone:
            await self._control.call("DeleteTags", {"ResourceArn": arn, "TagKeys": sorted(gone)})
        if tags:
            await self._control.call("AddTags", {"ResourceArn": arn, "Tags": tags})


class ModelResource(Resource):
    """AWS::SageMaker::Model."""

    def __init__(self, control: ControlPlane, registry: Registry, bridge: EventLoopBridge, new_id: NewId) -> None:
        super().__init__("Model", control, bridge, new_id)
        self._registry = registry

    def _exists(self, name: str) -> bool:
        return self._registry.models.find(name) is not None


class EndpointConfigResource(Resource):
    """AWS::SageMaker::EndpointConfig."""

    def __init__(self, control: ControlPlane, registry: Registry, bridge: EventLoopBridge, new_id: NewId) -> None:
        super().__init__("EndpointConfig", control, bridge, new_id)
        self._registry = registry

    def _exists(self, name: str) -> bool:
        return self._registry.configs.find(name) is not None


class EndpointResource(Resource):
    """AWS::SageMaker::Endpoint. Changes wait until the endpoint is in service."""

    def __init__(self, control: ControlPlane, registry: Registry, bridge: EventLoopBridge, new_id: NewId) -> None:
        super().__init__("Endpoint", control, bridge, new_id)
        self._registry = registry

    async def _create(self, logical_id: str, properties: Properties) -> ProvisionedResource:
        arn, attributes = await super()._create(logical_id, properties)
        try:
            await self._settled(attributes[self._name])
        except ResourceError:
            # When the creation fails, the engine has no physical id with which to delete the
            # endpoint.
            await self._delete(attributes[self._name])
            raise
        return arn, attributes

    async def _update(self, physical_id: str, old: Properties, new: Properties) -> ProvisionedResource:
        name = resource_name(physical_id)
        if old.get(self._name) != new.get(self._name):
            return await self._create(name.rpartition("-")[0] or name, new)
        await self._retag(physical_id, old, new)
        if _untagged(old) != _untagged(new):
            refuse_unknown(self._kind, new)
            asked = {**coerce_properties("UpdateEndpoint", new, service=_SERVICE), self._name: name}
            await self._control.call("UpdateEndpoint", pick_members("UpdateEndpoint", asked, service=_SERVICE))
            await self._settled(name)
        return self._physical(physical_id, name)

    async def _delete(self, name: str) -> None:
        await super()._delete(name)
        async with asyncio.timeout(_SETTLE_TIMEOUT_S):
            while self._exists(name):  # noqa: ASYNC110 - another caller may have requested the deletion
                await asyncio.sleep(_POLL_S)

    async def _settled(self, name: str) -> None:
        endpoint: Endpoint = self._registry.endpoints.get(name)
        if endpoint.change:
            await asyncio.wait({endpoint.change}, timeout=_SETTLE_TIMEOUT_S)
        if endpoint.status is not EndpointStatus.IN_SERVICE or endpoint.failure_reason:
            reason = endpoint.failure_reason or f"still {endpoint.status.value} after {_SETTLE_TIMEOUT_S:.0f} s"
            raise ResourceError(f"The endpoint {name} did not come into service: {reason}")

    def _exists(self, name: str) -> bool:
        return self._registry.endpoints.find(name) is not None


def resource_handlers(
    control: ControlPlane, registry: Registry, bridge: EventLoopBridge, new_id: NewId
) -> dict[str, ResourceHandlers]:
    """Return the handlers by CloudFormation resource type."""
    return {
        "AWS::SageMaker::Model": ModelResource(control, registry, bridge, new_id).handlers(),
        "AWS::SageMaker::EndpointConfig": EndpointConfigResource(control, registry, bridge, new_id).handlers(),
        "AWS::SageMaker::Endpoint": EndpointResource(control, registry, bridge, new_id).handlers(),
    }


def _untagged(properties: Properties) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name != "Tags"}
