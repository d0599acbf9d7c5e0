"""Findings, and the acknowledged ones: each with a reason, and none that is not needed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from tests.infra.templates import ROOT

ACKNOWLEDGEMENTS = ROOT / "infra/checks/acknowledgements.toml"


class Finding(NamedTuple):
    """A problem that one rule of one checker reports for one resource of one deployment."""

    checker: str
    rule: str
    deployment: str
    template: str
    resource: str
    message: str

    @property
    def place(self) -> str:
        """The location, in the form that acknowledgements use."""
        return f"{self.template}: {self.resource}" if self.template else self.resource

    def __str__(self) -> str:
        return f"{self.checker} {self.rule} ({self.deployment}) {self.place}: {self.message}"


@dataclass(frozen=True)
class Acknowledgement:
    """Rules, the places where they are not followed, and why; a star in rules and places is anything."""

    rules: tuple[str, ...]
    where: tuple[str, ...]
    reason: str
    # Ways to deploy in which they are not followed; none stands for all.
    deployments: tuple[str, ...] = ()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Each rule with each place."""
        return product(self.rules, self.where)

    def covering(self, finding: Finding) -> set[tuple[str, str]]:
        """The pairs of rule and place by which a finding is accepted."""
        if self.deployments and finding.deployment not in self.deployments:
            return set()
        name = f"{finding.checker} {finding.rule}"
        return {(rule, place) for rule, place in self.pairs() if _like(rule, name) and _like(place, finding.place)}


def acknowledgements(path: Path = ACKNOWLEDGEMENTS) -> list[Acknowledgement]:
    """All that are written down.

    Raises:
        ValueError: one has no reason, or names something that acknowledgements do not have.
    """
    found = []
    for entry in tomllib.loads(path.read_text())["acknowledged"]:
        try:
            found.append(Acknowledgement(**{key: _frozen(value) for key, value in entry.items()}))
        except TypeError as problem:
            raise ValueError(f"{path.name}: {entry}: {problem}") from None
        if len(found[-1].reason.split()) < 3:
            raise ValueError(f"{path.name}: {entry} gives no reason")
    return found


@dataclass(frozen=True)
class Verdict:
    """Split off the findings that are not acknowledged, and the acknowledgements that match none."""

    open: list[Finding]
    unused: list[str]


def judge(findings: Iterable[Finding], accepted: Sequence[Acknowledgement]) -> Verdict:
    """Findings against acknowledgements: each rule has to be found broken at each of its places."""
    needed: dict[int, set[tuple[str, str]]] = {number: set() for number in range(len(accepted))}
    left = []
    for finding in findings:
        covering = {number: each.covering(finding) for number, each in enumerate(accepted)}
        for number, pairs in covering.items():
            needed[number] |= pairs
        if not any(covering.values()):
            left.append(finding)
    unused = [
        f"acknowledged in vain: {rule} at {place!r}"
        for number, each in enumerate(accepted)
        for rule, place in each.pairs()
        if (rule, place) not in needed[number]
    ]
    return Verdict(left, unused)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
