"""The access matrix, evaluated from the templates alone, for every way to deploy and in both partitions."""

from __future__ import annotations

import re

import pytest

from tests.infra.access.matrix import (
    TOPICS,
    administrator_may,
    disagreements,
    key_disagreements,
    matrix,
    service_uses_key,
)
from tests.infra.access.places import BEIJING, IRELAND, Place
from tests.infra.access.policies import as_list
from tests.infra.access.world import World
from tests.infra.scenarios import DEFAULT, HARDENED, REALTIME, SCENARIOS, Scenario
from tests.infra.templates import ROOT

PLACES = pytest.mark.parametrize("place", [IRELAND, BEIJING], ids=lambda place: place.region)
USES = ("kms:Decrypt", "kms:GenerateDataKey")


@PLACES
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_exactly_those_may_who_need_it(scenario: Scenario, place: Place) -> None:
    assert list(disagreements(World.of(scenario, place))) == []


def test_the_matrix_speaks_of_everybody_who_holds_a_policy() -> None:
    rows = matrix("realtime", transforms=True, cutting=True)
    assert set().union(*(who for _, _, who in rows)) == World.of(REALTIME).policies.keys()


@PLACES
@pytest.mark.parametrize("scenario", [HARDENED, REALTIME], ids=lambda scenario: scenario.name)
def test_the_key_is_used_through_the_services_that_hold_the_data_and_by_nobody_else(
    scenario: Scenario, place: Place
) -> None:
    assert list(key_disagreements(World.of(scenario, place))) == []


@pytest.mark.parametrize("kind", ["async", "realtime"])
def test_the_page_of_permissions_names_every_grant(kind: str) -> None:
    """The stacks of tests/integration/access, where each grant is tried by its removal."""
    options = {"CustomerManagedKey": "true", "BatchTransform": "true", "EndpointKind": kind, "MinInstanceCount": "1"}
    options |= {"Inbox": "true", "SourceArns": "arn:aws:s3:::lake/*", "SourceBucketArns": "arn:aws:s3:::lake"}
    options["SourceKeyArns"] = "arn:aws:kms:*:*:key/mrk-*"
    granted = {
        (holder, statement["Sid"], action)
        for holder, statements in World.of(Scenario(kind, {**DEFAULT.parameters, **options})).policies.items()
        for statement in statements
        for action in as_list(statement["Action"])
    }
    written = set()
    for section in (ROOT / "docs/permissions.md").read_text().split("\n## ")[1:]:
        written |= {(section.split("\n")[0], *found) for found in re.findall(r"`(\w+)` ([\w-]+:\w+)", section)}
    assert granted - written == set()


@PLACES
@pytest.mark.parametrize("action", USES)
def test_sns_uses_the_key_for_the_topics_of_this_stack_alone(place: Place, action: str) -> None:
    world = World.of(HARDENED, place)
    for topic in TOPICS:
        assert service_uses_key(world, "sns.amazonaws.com", action, {"aws:sourcearn": world.arn(topic)})
    for stranger in (place.arn("sns", "other"), place.arn("sns", "tailrace-x").replace(place.account, "210987654321")):
        assert not service_uses_key(world, "sns.amazonaws.com", action, {"aws:sourcearn": stranger})
    assert not service_uses_key(world, "sns.amazonaws.com", action)


@PLACES
def test_alarms_of_this_stack_may_use_the_key_for_their_topic(place: Place) -> None:
    world = World.of(HARDENED, place)

    def may(alarm: str, account: str = place.account) -> bool:
        context = {"aws:sourcearn": place.arn("cloudwatch", f"alarm:{alarm}"), "aws:sourceaccount": account}
        return all(service_uses_key(world, "cloudwatch.amazonaws.com", use, context) for use in USES)

    assert may("tailrace-Monitoring-1ABC-Parked-1XYZ")
    assert not may("other")
    assert not may("tailrace-x", account="210987654321")


@PLACES
def test_logs_may_use_the_key_for_the_groups_of_this_stack_alone(place: Place) -> None:
    world = World.of(HARDENED, place)
    service = f"logs.{place.region}.{place.suffix}"

    def may(group: str) -> bool:
        context = {"kms:encryptioncontext:aws:logs:arn": place.arn("logs", f"log-group:{group}")}
        return all(service_uses_key(world, service, use, context) for use in (*USES, "kms:Encrypt"))

    assert may("tailrace-CollectResultsLogGroup-1XYZ")
    assert may("tailrace-Endpoint-1ABC-ResolveModelLogGroup-1XYZ")
    assert not may("/aws/lambda/other")


@pytest.mark.parametrize(("key", "refused"), [("own", False), ("foreign", True), ("customer", True), ("none", False)])
@pytest.mark.parametrize("scenario", [DEFAULT, HARDENED], ids=lambda scenario: scenario.name)
def test_objects_are_written_under_the_stacks_key_or_none_that_is_named(
    scenario: Scenario,
    key: str,
    refused: bool,  # noqa: FBT001  # a table's column
) -> None:
    world = World.of(scenario)
    own = world.arn("Key") if scenario is HARDENED else None
    named = {"own": own, "foreign": IRELAND.arn("kms", "key/other")}.get(key)
    context = {"s3:x-amz-server-side-encryption-aws-kms-key-id": named} if named else {}
    if key == "customer":
        context = {"s3:x-amz-server-side-encryption-customer-algorithm": "AES256"}
    allowed = administrator_may(world, "s3:PutObject", "Bucket/v1/jobs/x/input/a.csv", context)
    assert allowed is not refused
