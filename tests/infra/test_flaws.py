"""The gate catches planted flaws: each is reported by the checker and rule that is named for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.infra import rules
from tests.infra.flaws import FLAWS
from tests.infra.flaws.planting import Flaw, planted, together
from tests.infra.gate.checkers import CHECKERS, PROGRAMS
from tests.infra.gate.deployments import DEPLOYMENTS, Deployment
from tests.infra.gate.findings import Finding, acknowledgements, judge
from tests.infra.scenarios import EXISTING


class Batches:
    """Runs each checker once, over the deployments as they are and with its flaws.

    Programs take seconds for a template, so that several flaws share one.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._accepted = acknowledgements()
        self._scenario: dict[str, str] = {}
        self._deployment: dict[Flaw, str] = {}
        flawed = {checker: self._flawed(checker) for checker in CHECKERS}
        self._programs = {name: pool.submit(_found, name, flawed[name]) for name in PROGRAMS}
        self._quick = {name: flawed[name] for name in CHECKERS.keys() - PROGRAMS.keys()}
        self._found_quickly: dict[str, list[Finding]] = {}

    def _flawed(self, checker: str) -> list[Deployment]:
        flaws = [flaw for flaw in FLAWS if flaw.checker == checker]
        groups = list(together(flaws)) if checker in PROGRAMS else [(flaw,) for flaw in flaws]
        for group in groups:
            self._scenario[group[0].name] = group[0].site.scenario.name
            self._deployment |= dict.fromkeys(group, group[0].name)
        return [planted(group[0].name, group) for group in groups]

    def caught(self, flaw: Flaw) -> set[str]:
        """Return the rules under which the flaw's checker reports it."""
        found = self.found(flaw.checker, self._deployment[flaw])
        if flaw.checker in PROGRAMS and flaw.changed():
            found = [each for each in found if each.resource in flaw.changed()]
        return {each.rule for each in found}

    def found(self, checker: str, deployment: str) -> list[Finding]:
        """Return a checker's findings for a deployment, less those acknowledged for its scenario."""
        program: Future[list[Finding]] | None = self._programs.get(checker)
        if program is None and checker not in self._found_quickly:
            self._found_quickly[checker] = _found(checker, self._quick[checker])
        everything = program.result() if program else self._found_quickly[checker]
        like = self._scenario.get(deployment, deployment)
        mine = [each._replace(deployment=like) for each in everything if each.deployment == deployment]
        return judge(mine, self._accepted).open


def _found(checker: str, flawed: Sequence[Deployment]) -> list[Finding]:
    # `make check` runs all checkers on what is deployed; programs take too long to do that twice.
    sound = () if checker in PROGRAMS else DEPLOYMENTS
    return list(CHECKERS[checker]([*sound, *flawed]))


@pytest.fixture(scope="module")
def batches() -> Iterator[Batches]:
    with ThreadPoolExecutor(2) as pool:
        yield Batches(pool)


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.name)
def test_a_planted_flaw_is_caught_by_who_is_named_for_it(batches: Batches, flaw: Flaw) -> None:
    assert flaw.rule in batches.caught(flaw)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment.name)
@pytest.mark.parametrize("checker", sorted(CHECKERS.keys() - PROGRAMS))
def test_nothing_is_caught_where_nothing_is_planted(batches: Batches, checker: str, deployment: Deployment) -> None:
    assert batches.found(checker, deployment.name) == []


@pytest.mark.parametrize("checker", ["rules", "access"])
def test_an_endpoint_that_exists_keeps_the_rules_too(checker: str) -> None:
    assert list(CHECKERS[checker]([Deployment(EXISTING.name, EXISTING)])) == []


def test_at_least_fifty_six_kinds_of_flaw_are_planted_each_under_its_own_name() -> None:
    names = [flaw.name for flaw in FLAWS]
    assert len(set(names)) == len(names) >= 56


def test_every_checker_and_every_rule_of_ours_has_a_flaw_to_catch() -> None:
    assert {flaw.checker for flaw in FLAWS} == CHECKERS.keys()
    ours: Sequence[str] = [rule.__name__ for rule in rules.RULES]
    assert {flaw.rule for flaw in FLAWS if flaw.checker == "rules"} == set(ours)
