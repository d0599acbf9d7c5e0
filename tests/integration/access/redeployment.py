"""The stack of the enforcing cloud with other parameters."""

from __future__ import annotations

from typing import Any

from tailrace_local.control.deployment import Deployment
from tailrace_local.control.workspace import Workspace
from tailrace_local.state_directory import StateDirectory
from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually

_WITHIN_S = 240.0


def updated(cloud: RunningCloud, **parameters: str) -> RunningCloud:
    """Update the deployed stack's parameters; return the cloud with its new outputs and functions."""
    client, name = cloud.client("cloudformation"), cloud.facts.stack
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    kept = {each["ParameterKey"]: {"ParameterKey": each["ParameterKey"]} for each in stack["Parameters"]}
    client.update_stack(
        StackName=name,
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {**each, "ParameterValue": parameters[key]} if key in parameters else {**each, "UsePreviousValue": True}
            for key, each in kept.items()
        ],
    )

    def ended() -> dict[str, Any] | None:
        (found,) = client.describe_stacks(StackName=name)["Stacks"]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else found

    found = eventually(ended, within_s=_WITHIN_S, what=f"the end of the update of {name}")
    assert found is not None
    assert found["StackStatus"] == "UPDATE_COMPLETE"
    return RunningCloud(Deployment(Workspace.here(), StateDirectory(cloud.state_dir), cloud.facts).facts())
