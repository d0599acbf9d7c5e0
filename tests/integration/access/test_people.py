"""The policies for operators and readers: enough for each of their commands, and no more than these ask for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tailrace_local.cloud.access import Decision, read_decisions
from tailrace_local.testing import RunningCloud
from tests.integration.access.conftest import Exercised
from tests.integration.access.exercise import Exercise
from tests.integration.access.identities import person
from tests.integration.access.people import Operator, Reader
from tests.integration.access.test_grants import only_grant_of_some_request, request_of, resource_name

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(420)]

# Services use the key in the caller's name; the local ones encrypt nothing, so the templates are judged instead.
JUDGED_IN_TEMPLATES = "UseKey"
# Granted and not asked for here, with the reason.
_LOOKED_AT = "ticks that were never delivered are looked at, and deleted with the AWS CLI when the cause is mended"
_A_FUNCTION = "Lambda refuses an event source mapping without it: the reader may be a function"
UNASKED = {
    ("ReaderPolicy", "ConsumeResults", "sqs:GetQueueAttributes", "ResultsQueue"): _A_FUNCTION,
    ("OperatorPolicy", "TakeFromQueues", "sqs:DeleteMessage", "ReconcileJobsDeadLetterQueue"): _LOOKED_AT,
}

Asked = Mapping[str, list[Decision]]


@pytest.fixture(scope="module")
def asked(enforcing: RunningCloud, exercised: Exercised, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """What the two asked, by their policy."""
    exercise = Exercise(enforcing, exercised.producer, tmp_path_factory.mktemp("people"))
    outputs = enforcing.outputs
    with (
        person(enforcing, "reader", outputs["ReaderPolicy"]) as reader,
        person(enforcing, "operator", outputs["OperatorPolicy"]) as operator,
    ):
        Reader(enforcing, reader).everything(exercised.finished_job)
        Operator(enforcing, operator, exercise).everything()
        decisions, _ = read_decisions(enforcing.state_dir)
        return {
            name: [each for each in decisions if each.principal == who.arn]
            for name, who in (("ReaderPolicy", reader), ("OperatorPolicy", operator))
        }


@pytest.mark.parametrize("policy", ["ReaderPolicy", "OperatorPolicy"])
def test_a_policy_lets_its_people_do_their_work(asked: Asked, policy: str) -> None:
    assert asked[policy]
    assert {(each.action, each.resource) for each in asked[policy] if not each.allowed} == set()


@pytest.mark.parametrize("policy", ["ReaderPolicy", "OperatorPolicy"])
def test_a_policy_grants_nothing_that_its_people_do_not_ask_for(
    asked: Asked, exercised: Exercised, policy: str
) -> None:
    holder = exercised.holders[policy]
    requests = list({str(request): request for request in map(request_of, asked[policy])}.values())
    superfluous = {
        (policy, grant.sid, grant.action, resource_name(grant.resource))
        for grant in holder.grants()
        if grant.sid != JUDGED_IN_TEMPLATES
        if not only_grant_of_some_request(grant, holder, requests)
    }
    assert superfluous == {key for key in UNASKED if key[0] == policy}
