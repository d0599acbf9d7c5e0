"""The interface through which a CloudFormation engine creates, updates and deletes resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Properties = Mapping[str, Any]
ProvisionedResource = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class ResourceHandlers:
    """The functions that a CloudFormation engine calls. All raise an EmulatorError with the reason.

    Attributes:
        create: `(logical_id, properties, stack_name) -> (physical_id, attributes)`.
        update: `(physical_id, old_properties, new_properties, stack_name) -> (physical_id,
            attributes)`; another physical id means a replacement: the engine deletes the old
            resource after the stack's update.
        delete: `(physical_id, properties)`; a resource that does not exist is no error.
    """

    create: Callable[[str, Properties, str], ProvisionedResource]
    update: Callable[[str, Properties, Properties, str], ProvisionedResource]
    delete: Callable[[str, Properties], None]
