"""A deployed stack as the checks see it: state, outputs, parameters, names of resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace.doctor.commands import Commands
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import PermanentError

VARIANT = "AllTraffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One stack, read once by `look_up`."""

    name: str
    arn: str
    """``arn:<partition>:cloudformation:<region>:<account>:stack/…``"""
    status: str
    """CloudFormation's, such as ``CREATE_COMPLETE``."""
    age_s: float
    """Seconds since it was created."""
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    commands: Commands
    now: Callable[[], float]
    """Seconds since the epoch."""

    @property
    def account(self) -> str:
        """The account's id."""
        return self.arn.split(":")[4]

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``."""
        return self.arn.split(":")[1]

    def arn_of(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in the stack's account and region."""
        _, partition, _, region, account, _ = self.arn.split(":", 5)
        return f"arn:{partition}:{service}:{region}:{account}:{resource}"

    def output(self, name: str) -> str:
        """Return the value of an output.

        Raises:
            PermanentError: the stack has no such output.
        """
        if name not in self.outputs:
            raise PermanentError(f"the stack has no output {name}")
        return self.outputs[name]

    def queue_arn(self, output: str) -> str:
        """Return the ARN of a queue by the name of its output, which holds the URL."""
        return self.arn_of("sqs", self.queue_name(output))

    def queue_name(self, output: str) -> str:
        """Return the name of a queue by the name of its output."""
        return self.output(output).rpartition("/")[2]

    def number(self, parameter: str, default: int = 0) -> int:
        """Return a numeric parameter of the template."""
        return int(self.parameters.get(parameter) or default)

    @property
    def kind(self) -> str:
        """Kind of the endpoint: ``async``, ``realtime``, ``serverless`` or ``none``."""
        return self.outputs.get("EndpointKind", "async")

    @property
    def is_called(self) -> bool:
        """True if ScoreChunks calls the endpoint, which then neither queues nor notifies."""
        return self.kind in {"realtime", "serverless"}

    @property
    def endpoint(self) -> str:
        """Name of the endpoint."""
        return self.output("EndpointName")

    @property
    def variant(self) -> str:
        """Name of the endpoint's production variant."""
        own = not self.parameters.get("EndpointName")
        return VARIANT if own else self.parameters.get("EndpointVariantName") or VARIANT


def look_up(name: str, commands: Commands, now: Callable[[], float]) -> Steps[Deployment]:
    """Read a stack by its name.

    Raises:
        PermanentError: there is no such stack.
        AccessDeniedError: the identity may not describe it.
    """
    answer = yield Call("cloudformation", "describe_stacks", {"StackName": name})
    stack = answer["Stacks"][0]
    return Deployment(
        name=name,
        arn=stack["StackId"],
        status=stack["StackStatus"],
        age_s=now() - stack["CreationTime"].timestamp(),
        outputs=_pairs(stack.get("Outputs", ()), "OutputKey", "OutputValue"),
        parameters=_pairs(stack.get("Parameters", ()), "ParameterKey", "ParameterValue"),
        commands=commands,
        now=now,
    )


def _pairs(items: Any, key: str, value: str) -> dict[str, str]:
    return {each[key]: each.get(value, "") for each in items}
