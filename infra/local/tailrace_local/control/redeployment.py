"""Stacks of a cloud that is up: the one for training, and the template deployed again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tailrace_local.control.build import Builder
from tailrace_local.control.deployment import Deployment, client
from tailrace_local.control.workspace import Workspace
from tailrace_local.errors import DeployError, StartError
from tailrace_local.state_directory import CloudFacts, StateDirectory

TRAINING_STACK = "tailrace-training"
_POLL_S = 0.2
_TIMEOUT_S = 60.0
_MODELS = ("AutoMLJobName", "EndpointName", "ModelImage")
"""Parameters of which a template takes one; those of the others are emptied."""
_WITH_THE_MODEL = {"ModelImage": ("ModelDataUrl", "ModelEnvironment"), "AutoMLJobName": ("AutoMLJobArn",)}


def deploy_training_stack(workspace: Workspace, facts: CloudFacts) -> None:
    """Deploy infra/training.yaml, which `tailrace train` looks for.

    Raises:
        DeployError: it failed, or took longer than a minute.
    """
    cloudformation = client(facts, "cloudformation")
    template = workspace.root / "infra" / "training.yaml"
    cloudformation.create_stack(
        StackName=TRAINING_STACK, TemplateBody=template.read_text(), Capabilities=["CAPABILITY_IAM"]
    )
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        (stack,) = cloudformation.describe_stacks(StackName=TRAINING_STACK)["Stacks"]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise DeployError(f"the stack {TRAINING_STACK} is {stack['StackStatus']}: {stack.get('StackStatusReason')}")
        time.sleep(_POLL_S)
    raise DeployError(f"the stack {TRAINING_STACK} was not there after {_TIMEOUT_S:.0f} s")


def redeploy(
    workspace: Workspace,
    state: StateDirectory,
    facts: CloudFacts,
    *,
    template: Path,
    parameters: Mapping[str, str],
    timeout_s: float,
) -> CloudFacts:
    """Deploy the template to a cloud that is up; parameters of its stack that are not given stay.

    Raises:
        StartError: the template has no such parameter.
        LocalCloudError: the build or the deployment failed.
    """
    built, _ = Builder(workspace).template(template)
    deployment = Deployment(workspace, state, facts)
    declared = deployment.declared_parameters(built)
    if unknown := sorted(set(parameters) - declared):
        raise StartError(f"the template has no parameter {', '.join(unknown)}; its parameters are {_listed(declared)}")
    before = {name: value for name, value in _parameters(facts).items() if name in declared}
    emptied = dict.fromkeys(_emptied(parameters) & before.keys(), "")
    deployed = deployment.deploy(built, {**before, **emptied, **parameters}, timeout_s=timeout_s)
    deployed = replace(deployed, seconds=facts.seconds)
    state.write_facts(deployed)
    return deployed


def _parameters(facts: CloudFacts) -> dict[str, str]:
    """Return the parameters of the deployed stack; none if it does not exist."""
    cloudformation = client(facts, "cloudformation")
    found: dict[str, Any] = {}
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        found |= {stack["StackName"]: stack for stack in page["Stacks"]}
    listed = found.get(facts.stack, {}).get("Parameters", [])
    return {each["ParameterKey"]: each.get("ParameterValue", "") for each in listed}


def _emptied(parameters: Mapping[str, str]) -> set[str]:
    if not any(parameters.get(name) for name in _MODELS):
        return set()
    left = [name for name in _MODELS if not parameters.get(name)]
    return {*left, *(name for each in left for name in _WITH_THE_MODEL.get(each, ()))}


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
