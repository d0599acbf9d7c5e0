"""Endpoints: their state, their deployment, and their queue."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tailrace_local.sagemaker.hosting.backlog import Backlog
from tailrace_local.sagemaker.hosting.fleet import Fleet
from tailrace_local.sagemaker.hosting.instances import Instance
from tailrace_local.sagemaker.hosting.serverless import ServerlessFleet
from tailrace_local.sagemaker.records import AsyncSettings, EndpointConfig


class EndpointStatus(StrEnum):
    """The EndpointStatus of the API."""

    CREATING = "Creating"
    UPDATING = "Updating"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"


@dataclass
class Deployment:
    """The fleets that serve, one for each variant, and their configuration.

    The deployment keeps its configuration: deleting that resource does not change what runs.
    """

    config: EndpointConfig
    fleets: Mapping[str, Fleet]
    desired: dict[str, int]
    weights: dict[str, float]

    @property
    def asynchronous(self) -> AsyncSettings | None:
        """The asynchronous settings, or None for a real-time endpoint."""
        return self.config.asynchronous

    def serverless(self, variant: str) -> ServerlessFleet | None:
        """Return a variant's fleet if it is serverless."""
        fleet = self.fleets.get(variant)
        return fleet if isinstance(fleet, ServerlessFleet) else None

    @property
    def role_arn(self) -> str:
        """The execution role of the first variant's model."""
        return next(iter(self.fleets.values())).plan.role_arn

    @property
    def ready_count(self) -> int:
        """Number of instances in service."""
        return sum(fleet.ready_count for fleet in self.fleets.values())

    def pick(self) -> tuple[str, Instance] | None:
        """Pick a variant at random by weight, and an instance; None if no slot is free."""
        return self._weighted({name: instance for name, fleet in self.fleets.items() if (instance := fleet.pick())})

    def route(self, variant: str | None = None) -> tuple[str, Instance] | None:
        """Pick a variant, unless it is given, and an instance of it that is in service."""
        fleets = self.fleets if variant is None else {variant: self.fleets[variant]}
        return self._weighted({name: instance for name, fleet in fleets.items() if (instance := fleet.route())})

    def _weighted(self, able: Mapping[str, Instance]) -> tuple[str, Instance] | None:
        if not able:
            return None
        weights = [self.weights[name] or 1e-9 for name in able]
        name = random.choices(list(able), weights)[0]  # noqa: S311 - traffic, no secret
        return name, able[name]

    def has_room(self) -> bool:
        """True if an instance has a free slot."""
        return any(fleet.pick() for fleet in self.fleets.values())

    async def stop(self) -> None:
        """Stop all fleets now."""
        await asyncio.gather(*(fleet.stop() for fleet in self.fleets.values()))

    async def drain(self, timeout_s: float) -> None:
        """Finish the running invocations, then stop."""
        await asyncio.gather(*(fleet.drain(timeout_s) for fleet in self.fleets.values()))


@dataclass
class Endpoint:
    """An endpoint's mutable state.

    `generation` counts deployments, to give their processes different names.
    """

    name: str
    arn: str
    config_name: str
    created_s: float
    modified_s: float
    status: EndpointStatus = EndpointStatus.CREATING
    failure_reason: str | None = None
    deployment: Deployment | None = None
    backlog: Backlog = field(default_factory=Backlog)
    generation: int = 0
    change: "asyncio.Task[None] | None" = None
    work: "set[asyncio.Task[None]]" = field(default_factory=set)
