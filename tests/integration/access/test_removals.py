"""Each grant is needed: without it, one step ends differently.

Enumerated from the deployed policies, and which step needs what is learnt from a run with every
grant: a new grant is tried without anybody adding it here. docs/permissions.md is what was found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pytest

from tailrace_local.cloud.iam.access_log import read_decisions
from tailrace_local.testing import RunningCloud
from tests.infra.access.policies import identity_allows
from tests.infra.templates import ROOT
from tests.integration.access import page
from tests.integration.access.conftest import Exercised
from tests.integration.access.grants import Grant, Holder, holders
from tests.integration.access.identities import Person, function_of, person
from tests.integration.access.redeployment import updated
from tests.integration.access.removals import GrantEffect, Removals, request_of
from tests.integration.access.steps.cutting import Cutting
from tests.integration.access.steps.engines import Engines
from tests.integration.access.steps.files import Files
from tests.integration.access.steps.functions import Functions
from tests.integration.access.steps.operators import Operator
from tests.integration.access.steps.people import Producer, Reader
from tests.integration.access.steps.scene import Scene
from tests.integration.access.steps.services import Endpoint, ModelProvider, Schedule
from tests.integration.access.steps.sources import LAKE
from tests.integration.access.steps.step import Step

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Stage:
    """All principals, ready to act."""

    scene: Scene
    exercised: Exercised
    operator: Person
    reader: Person
    reading_role: str
    reading_function: str

    def beside_scoring(self, scene: Scene) -> Stage:
        """Return the same people before the stack with another kind of endpoint."""
        return replace(self, scene=scene, exercised=replace(self.exercised, holders=holders(scene.cloud)))

    def principals(self, holder: Holder) -> Sequence[str]:
        """Return the principals that act with a role's or a policy's grants."""
        people = {
            "ProducerPolicy": [self.exercised.producer.arn],
            "OperatorPolicy": [self.operator.arn],
            "ReaderPolicy": [self.reader.arn, self.reading_role],
        }
        return people.get(holder.name, [holder.arn])

    @property
    def steps(self) -> Mapping[str, Callable[[], Iterator[Step]]]:
        """Return the steps by holder, before an asynchronous endpoint and with transform jobs."""
        functions, finished = Functions(self.scene), self.exercised.finished_job
        engines, cutting, files = Engines(self.scene, "transform"), Cutting(self.scene), Files(self.scene)
        return {
            "CuttingListStripesRole": cutting.listing,
            "CuttingCountStripeRole": cutting.counting,
            "CuttingSumStripesRole": cutting.summing,
            "CuttingCutStripeRole": cutting.cutting,
            "CuttingSealCuttingRole": cutting.sealing,
            "CuttingFailCuttingRole": cutting.failing,
            "CuttingCuttingMachineRole": cutting.executing,
            "ArrivingStartJobsRole": files.starting,
            "ArrivingDeliverResultsRole": files.delivering,
            "CollectResultsRole": partial(_chained, functions.collecting, engines.collecting),
            "HandleFailuresRole": partial(_chained, functions.failing, engines.failing),
            "DispatchRetriesRole": partial(_chained, functions.dispatching, engines.dispatching),
            "ReconcileJobsRole": partial(_chained, functions.reconciling, engines.reconciling),
            "TransformingRunTransformsRole": engines.transforming,
            "TicksRole": Schedule(self.scene).steps,
            "EndpointRole": partial(_chained, Endpoint(self.scene).steps, engines.serving),
            "ProvideModelRole": ModelProvider(self.scene).steps,
            "ProducerPolicy": Producer(self.scene, self.exercised.producer, finished).steps,
            "OperatorPolicy": Operator(self.scene, self.operator, finished).steps,
            "ReaderPolicy": Reader(self.scene, self.reader, self.reading_function, finished).steps,
        }

    @property
    def scored_directly(self) -> Mapping[str, Callable[[], Iterator[Step]]]:
        """Return the steps by holder that differ before a real-time endpoint."""
        engines, finished = Engines(self.scene, "realtime"), self.exercised.finished_job
        cutting = Cutting(self.scene)
        handing_over = Engines(self.scene, "transform").handing_over("realtime")
        return {
            "ScoringScoreChunksRole": engines.scoring,
            "CollectResultsRole": engines.collecting,
            "HandleFailuresRole": engines.failing,
            "DispatchRetriesRole": engines.dispatching,
            "ReconcileJobsRole": engines.reconciling,
            "TransformingRunTransformsRole": lambda: iter([handing_over]),
            "CuttingCutStripeRole": partial(cutting.scored_directly, "CutStripe"),
            "CuttingSealCuttingRole": partial(cutting.scored_directly, "SealCutting"),
            "ProducerPolicy": Producer(self.scene, self.exercised.producer, finished).scored_directly,
            "OperatorPolicy": Operator(self.scene, self.operator, finished).scored_directly,
        }


def _chained(*parts: Callable[[], Iterator[Step]]) -> Iterator[Step]:
    for each in parts:
        yield from each()


HOLDERS = (
    "CollectResultsRole",
    "HandleFailuresRole",
    "DispatchRetriesRole",
    "ReconcileJobsRole",
    "TransformingRunTransformsRole",
    "CuttingListStripesRole",
    "CuttingCountStripeRole",
    "CuttingSumStripesRole",
    "CuttingCutStripeRole",
    "CuttingSealCuttingRole",
    "CuttingFailCuttingRole",
    "CuttingCuttingMachineRole",
    "ArrivingStartJobsRole",
    "ArrivingDeliverResultsRole",
    "TicksRole",
    "EndpointRole",
    "ProvideModelRole",
    "ProducerPolicy",
    "OperatorPolicy",
    "ReaderPolicy",
)
SCORED_DIRECTLY = (
    "ScoringScoreChunksRole",
    "CollectResultsRole",
    "HandleFailuresRole",
    "DispatchRetriesRole",
    "ReconcileJobsRole",
    "TransformingRunTransformsRole",
    "CuttingCutStripeRole",
    "CuttingSealCuttingRole",
    "ProducerPolicy",
    "OperatorPolicy",
)
"""Those with other grants before a real-time endpoint."""
# Grants that no step here needs, and the reason for each.
UNASKED = {
    ("EndpointRole", "WriteOutputsAndFailures", "s3:AbortMultipartUpload"): (
        "SageMaker may upload a large output in parts, and AWS names the action among what its role needs; the "
        "emulator uploads every output whole"
    ),
    ("OperatorPolicy", "LookAtAccount", "lambda:GetAccountSettings"): "the emulator answers it to everybody",
}


@pytest.fixture(scope="module")
def stage(enforcing: RunningCloud, exercised: Exercised, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    scene, outputs = Scene(enforcing, tmp_path_factory.mktemp("removals")), enforcing.outputs
    with (
        person(enforcing, "operator", outputs["OperatorPolicy"]) as operator,
        person(enforcing, "reader", outputs["ReaderPolicy"]) as reader,
        function_of(enforcing, "reader", outputs["ReaderPolicy"]) as (role, function),
        scene.prepared(),
    ):
        yield Stage(scene, exercised, operator, reader, role, function)


@pytest.mark.parametrize("name", HOLDERS)
def test_each_grant_is_needed_by_a_step_that_ends_otherwise_without_it(
    stage: Stage, table: list[GrantEffect], name: str
) -> None:
    assert_each_is_needed(stage, list(stage.exercised.holders[name].grants()), stage.steps[name], table)


def assert_each_is_needed(
    stage: Stage, grants: Sequence[Grant], steps: Callable[[], Iterator[Step]], table: list[GrantEffect]
) -> None:
    """Remove each of a holder's grants, and add its effect to the table."""
    name = grants[0].holder
    holder = stage.exercised.holders[name]
    removals = Removals(stage.scene.cloud, holder, stage.principals(holder))
    taken = removals.take(list(steps()))
    superfluous: list[Grant] = []
    for grant in grants:
        if found := removals.find_effect(grant, taken):
            table.append(found)
        elif (name, grant.sid, grant.action) not in UNASKED:
            superfluous.append(grant)
    for each in taken:
        print(f"{each.seconds:6.2f} s  {name}: {each.step.name}")
    assert not superfluous, "\n".join(map(str, superfluous))


# Commands of docs/operations.md for people with another policy.
OTHERS = {
    "tailrace submit": "ProducerPolicy",
    "tailrace results": "ReaderPolicy",
    "tailrace local": "nobody's",
}


def runbook_commands() -> set[str]:
    """Return the commands of the page, without their options: `tailrace dlq list`, `aws lambda …`."""
    text = (ROOT / "docs/operations.md").read_text().replace("\n", " ")
    found = re.findall(r"\b(tailrace (?:parked|dlq) [a-z]+|tailrace [a-z]+|aws [a-z-]+ [a-z-]+)", text)
    return {each for each in found if each not in {"tailrace parked", "tailrace dlq"}}


def test_an_operator_can_run_every_command_of_the_runbook(stage: Stage) -> None:
    """The steps themselves run in the test of the grants, where no request of theirs may be refused."""
    steps = [step.name for step in stage.steps["OperatorPolicy"]()]
    missing = {each for each in runbook_commands() if not any(name.startswith(each) for name in steps)}
    assert missing == set(OTHERS)


@pytest.fixture(scope="module")
def table() -> Iterator[list[GrantEffect]]:
    found: list[GrantEffect] = []
    yield found
    if os.environ.get("PERMISSIONS") == "write":
        page.PAGE.write_text(page.written(found, UNASKED))


def test_everybody_who_holds_something_is_tried(exercised: Exercised) -> None:
    assert set(exercised.holders) == set(HOLDERS)


def test_the_emulator_decides_as_the_policies_read(stage: Stage) -> None:
    """Both evaluators agree on all requests made with every grant."""
    decisions, _ = read_decisions(stage.scene.cloud.state_dir)
    arns = {arn: holder for holder in stage.exercised.holders.values() for arn in stage.principals(holder)}
    for decision in decisions:
        holder = arns.get(decision.principal)
        if holder is None or not decision.allowed or decision.action == "sts:GetCallerIdentity":
            continue  # everybody may ask for their own identity
        # Another policy lets the producer read sources.
        if holder.name != "ProducerPolicy" or not re.search(f":{LAKE}(/|$)|:key/mrk-", decision.resource):
            assert identity_allows(holder.document["Statement"], request_of(decision)), decision


@pytest.fixture(scope="module")
def scoring(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The same stack with a real-time endpoint instead, for the tests that follow."""
    cloud = updated(stage.scene.cloud, EndpointKind="realtime")
    scene = Scene(cloud, tmp_path_factory.mktemp("scoring"))
    with scene.prepared():
        yield stage.beside_scoring(scene)


def test_everybody_with_other_grants_before_a_real_time_endpoint_is_tried(stage: Stage, scoring: Stage) -> None:
    assert {name for name in scoring.exercised.holders if new_grants(name, stage, scoring)} == set(SCORED_DIRECTLY)


@pytest.mark.parametrize("name", SCORED_DIRECTLY)
def test_each_grant_that_a_real_time_endpoint_adds_is_needed(
    stage: Stage, scoring: Stage, table: list[GrantEffect], name: str
) -> None:
    assert_each_is_needed(scoring, new_grants(name, stage, scoring), scoring.scored_directly[name], table)


def new_grants(name: str, before: Stage, after: Stage) -> list[Grant]:
    """Return the grants of a holder that it did not have in the stack before.

    The endpoint is another one, and a grant on it is the same as before.
    """
    known = before.exercised.holders[name].grants() if name in before.exercised.holders else ()
    kinds = {_kind(each) for each in known}
    return [each for each in after.exercised.holders[name].grants() if _kind(each) not in kinds]


def _kind(grant: Grant) -> tuple[str, str, str]:
    return grant.sid, grant.action, re.sub(":endpoint/.*", ":endpoint/", grant.resource)


def test_the_page_says_what_was_found(table: list[GrantEffect]) -> None:
    found = page.rows_of(table)
    assert found
    if os.environ.get("PERMISSIONS") != "write":
        assert page.rows({holder for holder, *_ in found}) == found
