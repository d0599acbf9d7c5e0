"""Requests of CloudFormation, parsed from its events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tailrace_consumers.provide_model.containers import Container
from tailrace_consumers.provide_model.environment import parse_environment
from tailrace_core.errors import ContractError, InputError

SOURCE = "Custom::ModelSource"
MODEL = "Custom::Model"


class RequestType(StrEnum):
    """The operation on the resource."""

    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"


@dataclass(frozen=True, slots=True)
class ResourceProperties:
    """A resource's properties.

    CloudFormation sends strings, and lists and objects of them.
    """

    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return an optional string, by default empty."""
        value = self.values.get(name, "")
        if not isinstance(value, str):
            raise InputError(f"the property {name} is not a string")
        return value.strip()

    def required(self, name: str) -> str:
        """Return a required string."""
        if value := self.text(name):
            return value
        raise InputError(f"the property {name} is missing")

    def flag(self, name: str) -> bool:
        """Return an optional flag, ``true`` or ``false``, by default false."""
        value = self.text(name).lower() or "false"
        if value not in {"true", "false"}:
            raise InputError(f"the property {name} is {value!r}, neither true nor false")
        return value == "true"

    def texts(self, name: str) -> tuple[str, ...]:
        """Return an optional list of strings, by default empty."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise InputError(f"the property {name} is not a list of strings")
        return tuple(value)

    def numbers(self, name: str) -> dict[str, int]:
        """Return an optional object of whole numbers, by default empty."""
        value = self.values.get(name, {})
        try:
            return {key: int(number) for key, number in value.items()}
        except (AttributeError, TypeError, ValueError) as exc:
            raise InputError(f"the property {name} is not an object of whole numbers") from exc

    def tags(self) -> dict[str, str]:
        """Return the optional property Tags."""
        value = self.values.get("Tags", [])
        try:
            return {tag["Key"]: tag["Value"] for tag in value}
        except (TypeError, KeyError) as exc:
            raise InputError("the property Tags is not a list of {Key, Value}") from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest:
    """A request. ``physical_id`` is empty when the resource is to be created."""

    verb: RequestType
    resource_type: str
    logical_id: str
    physical_id: str
    stack_id: str
    properties: ResourceProperties

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> ResourceRequest:
        """Parse the request of an event.

        Raises:
            ContractError: the event is not one of CloudFormation's.
        """
        try:
            return cls(
                verb=RequestType(event["RequestType"]),
                resource_type=str(event["ResourceType"]),
                logical_id=str(event["LogicalResourceId"]),
                physical_id=str(event.get("PhysicalResourceId") or ""),
                stack_id=_arn(event["StackId"]),
                properties=ResourceProperties(dict(event.get("ResourceProperties") or {})),
            )
        except (KeyError, ValueError, TypeError, IndexError) as exc:
            raise ContractError(f"not an event of a custom resource: {type(exc).__name__}: {exc}") from exc

    @property
    def partition(self) -> str:
        """The stack's partition."""
        return self.stack_id.split(":")[1]

    def arn_of_model(self, name: str) -> str:
        """Return the ARN of a model in the stack's account and region.

        SageMaker writes it in lower case.
        """
        _, partition, _, region, account_id, _ = self.stack_id.split(":", 5)
        return f"arn:{partition}:sagemaker:{region}:{account_id}:model/{name.lower()}"

    @property
    def job_name(self) -> str:
        """The AutoML job to deploy; empty when an image is given.

        Raises:
            InputError: both properties are given, or neither.
        """
        job, image = self.properties.text("AutoMLJobName"), self.properties.text("Image")
        if bool(job) == bool(image):
            raise InputError("give either AutoMLJobName or Image")
        return job

    def container(self) -> Container:
        """Return the container of the given image. Raises `InputError`."""
        return Container(
            self.properties.required("Image"),
            self.properties.text("ModelDataUrl"),
            parse_environment(self.properties.text("Environment")),
        )


def _arn(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"arn(?::[^:]*){4}:.+", value):
        return value
    raise ValueError("the StackId is not an ARN")
