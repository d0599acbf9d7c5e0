"""How a CloudFormation engine has an emulator make, change and remove resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Properties = Mapping[str, Any]
ProvisionedResource = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class ResourceHandlers:
    """What a CloudFormation engine calls; all raise an EmulatorError with the reason.

    Attributes:
        create: `(logical_id, properties, stack_name) -> (physical_id, attributes)`.
        update: `(physical_id, old_properties, new_properties, stack_name) -> (physical_id, attributes)`; another
            physical id means replacement: the engine deletes the old one when the stack's update is done.
        delete: `(physical_id, properties)`; what is gone already is fine.
    """

    create: Callable[[str, Properties, str], ProvisionedResource]
    update: Callable[[str, Properties, Properties, str], ProvisionedResource]
    delete: Callable[[str, Properties], None]
