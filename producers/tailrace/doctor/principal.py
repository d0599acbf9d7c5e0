"""The principal: who calls, and what IAM's simulation says it may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import PermanentError


@dataclass(frozen=True, slots=True)
class Principal:
    """An identity of IAM."""

    arn: str
    """As STS names the caller."""
    account: str

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``."""
        return self.arn.split(":")[1]

    @property
    def kind(self) -> str:
        """``root``, ``user``, ``assumed-role`` or ``federated-user``."""
        return self.arn.split(":", 5)[5].partition("/")[0]

    @property
    def name(self) -> str:
        """Name of the user or the role."""
        parts = self.arn.split(":", 5)[5].split("/")
        return parts[1] if self.kind == "assumed-role" else parts[-1]


@dataclass(frozen=True, slots=True)
class Denied:
    """An action that a principal may not do."""

    action: str
    resource: str
    explicit: bool
    """A policy denies it, so that no other policy can allow it."""

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.action} on {self.resource}{' (denied explicitly)' if self.explicit else ''}"


def caller() -> Steps[Principal]:
    """Return the identity that makes the calls."""
    answer = yield Call("sts", "get_caller_identity", {})
    return Principal(answer["Arn"], answer["Account"])


def policy_source(who: Principal) -> Steps[str]:
    """Return the ARN of the user or role whose policies count.

    The ARN of a role holds its path, which takes `iam:GetRole` to read.
    """
    if who.kind != "assumed-role":
        return who.arn
    try:
        answer = yield Call("iam", "get_role", {"RoleName": who.name})
    except PermanentError:
        return f"arn:{who.partition}:iam::{who.account}:role/{who.name}"
    return str(answer["Role"]["Arn"])


def denied(source: str, actions: Sequence[str], resource: str = "*") -> Steps[list[Denied]]:
    """Return the actions on a resource that IAM's simulation does not allow to a user or a role.

    The simulation knows neither session policies nor the policies of resources.
    """
    found: list[Denied] = []
    params = {"PolicySourceArn": source, "ActionNames": list(actions), "ResourceArns": [resource]}
    while True:
        answer = yield Call("iam", "simulate_principal_policy", params)
        for result in answer["EvaluationResults"]:
            if result["EvalDecision"] != "allowed":
                explicit = result["EvalDecision"] == "explicitDeny"
                found.append(Denied(result["EvalActionName"], resource, explicit))
        if not answer.get("IsTruncated"):
            return found
        params = {**params, "Marker": answer["Marker"]}
