"""Removals of grants, one at a time, and the step that ends differently without each."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tailrace_local.cloud.iam.access_log import Decision, decisions_end, read_decisions
from tailrace_local.testing import RunningCloud
from tests.infra.access.policies import Request
from tests.integration.access.grants import MANAGED, Grant, Holder, is_optional, policy_without, resource_name
from tests.integration.access.steps.services import GONE
from tests.integration.access.steps.step import EffectWait, Observation, Step


@dataclass(frozen=True)
class GrantEffect:
    """A grant, the step that needs it, and the step's result without it."""

    grant: Grant
    step: str
    effect: str

    @property
    def row(self) -> tuple[str, ...]:
        """The row of the page's table."""
        grant = self.grant
        return grant.holder, grant.sid, grant.action, resource_name(grant.resource), self.step, self.effect


@dataclass(frozen=True)
class StepBaseline:
    """A step's run with every grant: its observation, its requests, and how long it took and waited."""

    step: Step
    seen: Observation
    asked: Sequence[Request]
    seconds: float
    waited_s: float


class Removals:
    """Removes each grant from a holder in turn. ``principals`` act with these grants."""

    def __init__(self, cloud: RunningCloud, holder: Holder, principals: Sequence[str]) -> None:
        self._cloud = cloud
        self._holder = holder
        self._principals = frozenset(principals)

    def take(self, steps: Sequence[Step]) -> list[StepBaseline]:
        """Run each step once, with every grant.

        Raises:
            AssertionError: a request was refused.
        """
        taken = []
        for step in steps:
            began, offset = time.monotonic(), decisions_end(self._cloud.state_dir)
            wait = EffectWait(lambda: False)
            seen = step.run(wait)
            decisions = self._decisions(offset)
            refused = [
                each for each in decisions if not (each.allowed or each.resource.endswith(GONE) or is_optional(each))
            ]
            assert refused == [], step.name
            asked = list({str(request): request for request in map(request_of, decisions)}.values())
            taken.append(StepBaseline(step, seen, asked, time.monotonic() - began, wait.seconds))
        return taken

    def find_effect(self, grant: Grant, taken: Sequence[StepBaseline]) -> GrantEffect | None:
        """Return the first step that ends differently without this grant."""
        for each in taken:
            if self._only_one(grant, each.asked) and (found := self._without(grant, each)):
                return found
        return None

    def _only_one(self, grant: Grant, asked: Sequence[Request]) -> bool:
        others = [other for other in self._holder.grants() if other != grant]
        return any(grant.allows(each) and not any(other.allows(each) for other in others) for each in asked)

    def _without(self, grant: Grant, taken: StepBaseline) -> GrantEffect | None:
        offset = decisions_end(self._cloud.state_dir)
        with self._removed(grant):
            seen = taken.step.run(EffectWait(lambda: self._refused(grant, offset), taken.waited_s))
        if seen == taken.seen or not self._refused(grant, offset):
            return None
        return GrantEffect(grant, taken.step.name, difference(taken.seen, seen))

    def _refused(self, grant: Grant, offset: int) -> bool:
        return any(not each.allowed and grant.allows(request_of(each)) for each in self._decisions(offset))

    def _decisions(self, offset: int) -> list[Decision]:
        decisions, _ = read_decisions(self._cloud.state_dir, offset)
        return [each for each in decisions if each.principal in self._principals]

    @contextmanager
    def _removed(self, grant: Grant) -> Iterator[None]:
        name, document = next(
            (name, document)
            for name, document in self._holder.policies.items()
            if any(statement["Sid"] == grant.sid for statement in document["Statement"])
        )
        self._put(name, policy_without(document, grant))
        try:
            yield
        finally:
            self._put(name, document)

    def _put(self, name: str, document: Mapping[str, Any]) -> None:
        iam, text = self._cloud.client("iam"), json.dumps(document)
        if self._holder.kind == MANAGED:
            arn = self._holder.arn
            iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
            for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
                if not version["IsDefaultVersion"]:
                    iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
            return
        role = self._holder.arn.rsplit("/", 1)[-1]
        if document["Statement"]:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=name)


def request_of(decision: Decision) -> Request:
    """Convert a decision's request for the evaluator of the templates' tests."""
    context = {key.lower(): value for key, value in decision.context.items()}
    return Request(decision.principal, decision.action, decision.resource, context)


_LONGEST = 160
_REFUSAL = re.compile(r"\w+: User: … is not authorized to perform: (\S+) because no identity-based policy \w+[^;]*")


def difference(before: Observation, after: Observation) -> str:
    """Describe the difference in words.

    The step's own message if there is one, else the other differences.
    """
    changed = [name for name in after if before.get(name) != after[name]]
    told = [name for name in changed if not isinstance(after[name], (list, dict, bytes))] or changed
    text = "; ".join(f"{name}: {after[name]}" for name in told).replace("\n", " ").replace("|", "/")
    text = _REFUSAL.sub(r"\1 is not allowed", text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]} …"
