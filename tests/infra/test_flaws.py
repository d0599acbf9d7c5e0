"""The gate catches planted flaws: each is reported by the checker and rule that is named for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.infra import rules
from tests.infra.flaws import FLAWS
from tests.infra.flaws.planting import Flaw
from tests.infra.gate.checkers import CHECKERS, PROGRAMS
from tests.infra.gate.deployments import DEPLOYMENTS, Deployment
from tests.infra.gate.findings import Finding, acknowledgements, judge
from tests.infra.scenarios import EXISTING

SCENARIO_OF = {flaw.name: flaw.site.scenario.name for flaw in FLAWS}


class Batches:
    """Runs each checker once, over the deployments as they are and with each of its flaws."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._accepted = acknowledgements()
        self._programs = {name: pool.submit(self._found, name) for name in PROGRAMS}
        self._quick: dict[str, list[Finding]] = {}

    def _found(self, checker: str) -> list[Finding]:
        flawed = [flaw.deployment() for flaw in FLAWS if flaw.checker == checker]
        return list(CHECKERS[checker]([*DEPLOYMENTS, *flawed]))

    def found(self, checker: str, deployment: str) -> list[Finding]:
        """Return a checker's findings for a deployment, less those acknowledged for its scenario."""
        program: Future[list[Finding]] | None = self._programs.get(checker)
        if program is None and checker not in self._quick:
            self._quick[checker] = self._found(checker)
        everything = program.result() if program else self._quick[checker]
        like = SCENARIO_OF.get(deployment, deployment)
        mine = [each._replace(deployment=like) for each in everything if each.deployment == deployment]
        return judge(mine, self._accepted).open


@pytest.fixture(scope="module")
def batches() -> Iterator[Batches]:
    with ThreadPoolExecutor(2) as pool:
        yield Batches(pool)


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.name)
def test_a_planted_flaw_is_caught_by_who_is_named_for_it(batches: Batches, flaw: Flaw) -> None:
    caught = {finding.rule for finding in batches.found(flaw.checker, flaw.name)}
    assert flaw.rule in caught


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment.name)
@pytest.mark.parametrize("checker", CHECKERS)
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
