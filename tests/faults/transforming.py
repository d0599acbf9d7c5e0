"""RunTransforms in the simulation: its service, built from the parts of a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tailrace_consumers.adapters.transform_jobs import SageMakerTransformJobs
from tailrace_consumers.composition import Adapters, Composition
from tailrace_consumers.run_transforms import handler
from tailrace_consumers.run_transforms.service import RunTransforms
from tailrace_consumers.settings import Settings, TransformSettings
from tailrace_core.aws.calls import Call
from tests.faults.memory_aws import cloud as names

ROLE = "run_transforms"
SETTINGS = TransformSettings(
    bucket=names.BUCKET,
    ledger_table=names.TABLE,
    succeeded_queue=names.SUCCEEDED,
    failed_queue=names.FAILED,
    transforms_queue=names.TRANSFORMS,
    model="demand",
    transform_instance_type="ml.m5.large",
)

handle = handler.handle


class TransformComposition(Composition):
    """The parts of RunTransforms; ``execute`` carries out the calls of its process."""

    def __init__(
        self, settings: Settings, adapters: Adapters, execute: Callable[[Call], Any], rest_engine: str = ""
    ) -> None:
        super().__init__(settings, adapters)
        self.execute = execute
        self.rest_engine = rest_engine


def assemble(made: Composition) -> RunTransforms:
    """Build the service."""
    assert isinstance(made, TransformComposition)
    adapters = made.adapters
    assert adapters.rounds is not None
    assert adapters.notifications is not None
    return handler.assemble(
        SETTINGS.model_copy(update={"rest_engine": made.rest_engine}),
        ledger=made.ledger,
        store=made.store,
        transforms=SageMakerTransformJobs(made.execute),
        queue=adapters.rounds,
        notifications=adapters.notifications,
        attempts=made.attempts,
    )


__all__ = ["ROLE", "TransformComposition", "assemble", "handle"]
