"""Stacks: a deployment's bucket, table, endpoint, topic and queues, read from its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailrace.aws.stack_names import stack_call
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.engines import Engine
from tailrace_core.errors import AccessDeniedError, ConfigurationError, InputError, PermanentError
from tailrace_core.invocations import InvocationTargets

_NEEDED = ("Bucket", "LedgerTable", "ResultsTopic")
_ENDPOINT = "EndpointName"
_NO_ENDPOINT = "none"
"""The kind of endpoint of a stack that has none; its jobs are batch transforms."""
_INVOCABLE = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})
_MAX_PAGES = 20


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed pipeline."""

    name: str
    outputs: Mapping[str, str]

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self.outputs["Bucket"]

    @property
    def table(self) -> str:
        """Name of the ledger's table."""
        return self.outputs["LedgerTable"]

    @property
    def endpoint_name(self) -> str:
        """Name of the endpoint; empty in a stack that has none."""
        return self.outputs.get(_ENDPOINT, "")

    @property
    def results_topic(self) -> str:
        """ARN of the topic that ``PartReady`` and ``JobFinished`` are published to."""
        return self.outputs["ResultsTopic"]

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The engines that the stack can infer with, its own way first."""
        kind = self._kind
        transforms = kind == _NO_ENDPOINT or self.outputs.get("BatchTransform") == "true"
        own = () if kind == _NO_ENDPOINT else (Engine(kind),)
        return (*own, Engine.TRANSFORM) if transforms else own

    @property
    def _kind(self) -> str:
        kind = self.outputs.get("EndpointKind", Engine.ASYNC)
        if kind not in {_NO_ENDPOINT, Engine.ASYNC, Engine.REALTIME, Engine.SERVERLESS}:
            raise ConfigurationError(
                f"stack {self.name} has an endpoint of the kind {kind!r}, which this version of tailrace does not "
                "know; install the version that the stack was deployed with"
            )
        return kind

    def engine(self, via: Engine | None) -> Engine:
        """Return the engine of a job: ``via``, or the stack's own way.

        Raises:
            InputError: the stack cannot infer that way.
        """
        has = self.engines
        if via is None or via in has:
            return via or has[0]
        how = "BatchTransform=true" if via is Engine.TRANSFORM else f"EndpointKind={via}"
        raise InputError(
            f"stack {self.name!r} cannot score via {via}: it scores via {' or '.join(has)}; submit with "
            f"--via {has[0]}, or deploy the stack with the parameter {how}",
            via=via,
        )

    @property
    def invocation_targets(self) -> InvocationTargets:
        """The resources that invocations go to."""
        return InvocationTargets(self.bucket, self.outputs.get("ScoringQueueUrl"))

    @property
    def transforms_queue(self) -> str | None:
        """URL of RunTransforms' queue; None in a stack that runs no transform jobs."""
        return self.outputs.get("TransformsQueueUrl")

    @property
    def cutting_machine(self) -> str | None:
        """ARN of the state machine that cuts objects where they lie; None in a stack without one."""
        return self.outputs.get("CuttingStateMachine")

    def queue_url(self, output: str) -> str:
        """Return the URL of a queue by the name of its output (``ResultsQueue``, ``ParkedQueue`` …).

        Raises:
            ConfigurationError: the stack has no such output.
        """
        if output not in self.outputs:
            raise ConfigurationError(f"stack {self.name} has no output {output}; deploy the current template")
        return self.outputs[output]


def find_stack(name: str, where: str) -> Steps[Stack]:
    """Find a stack by name; ``where`` names the region or the endpoint URL in error messages.

    Raises:
        InputError: there is no such stack, or it is not a Tailrace pipeline.
    """
    try:
        answer = yield stack_call(name)
    except AccessDeniedError:
        raise
    except PermanentError as exc:
        if "does not exist" not in exc.message:
            raise
        others = yield from _others()
        raise InputError(f"there is no stack {name!r} in {where}{others}", stack=name) from exc
    outputs = _outputs(answer["Stacks"][0])
    needed = _NEEDED if outputs.get("EndpointKind") == _NO_ENDPOINT else (*_NEEDED, _ENDPOINT)
    missing = [output for output in needed if output not in outputs]
    if missing:
        state = answer["Stacks"][0].get("StackStatus", "unknown")
        raise InputError(
            f"stack {name!r} in {where} ({state}) is not a Tailrace pipeline: it has no output {', '.join(missing)}; "
            "name the stack that was deployed from template.yaml, and let its deployment end",
            stack=name,
        )
    return Stack(name, outputs)


def check_endpoint(name: str) -> Steps[None]:
    """Refuse an endpoint that is missing or takes no requests; skip the check where the identity may not describe it.

    Raises:
        InputError: the endpoint is missing, or in a state in which it takes no requests.
    """
    yield from describe_endpoint(name)


def describe_endpoint(name: str) -> Steps[Mapping[str, Any] | None]:
    """Return the description of an endpoint that takes requests; None where the identity may not read it.

    Raises:
        InputError: the endpoint is missing, or in a state in which it takes no requests.
    """
    try:
        answer: Mapping[str, Any] = yield Call("sagemaker", "describe_endpoint", {"EndpointName": name})
    except AccessDeniedError:
        return None
    except PermanentError as exc:
        raise InputError(f"endpoint {name!r} is not there ({exc.message}); deploy it, or name another") from exc
    state = answer["EndpointStatus"]
    if state not in _INVOCABLE:
        reason = answer.get("FailureReason")
        raise InputError(
            f"endpoint {name!r} is {state}{f' ({reason})' if reason else ''} and takes no requests; "
            "wait until it is InService, or fix it",
            state=state,
        )
    return answer


def _others() -> Steps[str]:
    names: list[str] = []
    params: dict[str, Any] = {}
    for _ in range(_MAX_PAGES):
        try:
            answer = yield Call("cloudformation", "describe_stacks", params)
        except PermanentError:
            return "; check the name, the region and the profile"
        names += [each["StackName"] for each in answer["Stacks"] if not set(_NEEDED) - set(_outputs(each))]
        if not answer.get("NextToken"):
            break
        params = {"NextToken": answer["NextToken"]}
    if not names:
        return ", and no other Tailrace stack either; check the region and the profile, or deploy one"
    return f"; the Tailrace stacks there are: {', '.join(sorted(names))}"


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
