"""Custom::Model.

Created once, replaced by another, deleted with the stack, whatever fails in between.
"""

from __future__ import annotations

from typing import Any

import pytest

from tailrace_consumers.provide_model.ports import NotReadyError
from tailrace_consumers.provide_model.resource_requests import MODEL
from tailrace_core.errors import PermanentError, TransientError
from tests.unit.consumers.provide_model.resource_requests import (
    BY_IMAGE,
    BY_JOB,
    PREFIX,
    ROLE,
    Provider,
    container,
    failed,
    job,
    succeeded,
)

NEXT = {**BY_IMAGE, "ModelDataUrl": "s3://models/demand/next.tar.gz"}
REFUSED = PermanentError("ValidationException: no such instance of a role")
NO_ANSWER = TransientError("no answer")


def test_a_model_is_made_with_all_that_it_was_told() -> None:
    provider = Provider(demand=job(container(1, A="b"), container(2)))
    vpc: dict[str, Any] = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    name = succeeded(provider.model(**BY_JOB, **vpc, Tags=[{"Key": "team", "Value": "x"}])).physical_id
    model = provider.aws.models[name]
    assert model.definition() == {
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": True,
        "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
        "Containers": [container(1, A="b"), container(2)],
    }
    assert model.tag_list() == [{"Key": "team", "Value": "x"}]


def test_a_repeated_delivery_finds_the_model_made() -> None:
    provider = Provider()
    first, again = provider.model(**BY_IMAGE), provider.model(**BY_IMAGE)
    assert first == again
    assert len(provider.aws.models) == 1


def test_an_answer_that_was_lost_is_not_an_error() -> None:
    provider = Provider()
    provider.aws.lost = [NO_ANSWER]
    name = succeeded(provider.model(**BY_IMAGE)).physical_id
    assert list(provider.aws.models) == [name]


def test_another_model_stands_beside_the_old_one_until_cloudformation_deletes_it() -> None:
    provider = Provider()
    old = succeeded(provider.model(**BY_IMAGE)).physical_id
    new = succeeded(provider.model("Update", old, **NEXT)).physical_id
    assert set(provider.aws.models) == {old, new}

    assert succeeded(provider.model("Delete", old, **BY_IMAGE)).physical_id == old
    assert set(provider.aws.models) == {new}


def test_a_rollback_gets_the_old_model_back() -> None:
    provider = Provider()
    old = succeeded(provider.model(**BY_IMAGE)).physical_id
    new = succeeded(provider.model("Update", old, **NEXT)).physical_id
    back = succeeded(provider.model("Update", new, **BY_IMAGE)).physical_id
    succeeded(provider.model("Delete", new, **NEXT))
    assert back == old
    assert set(provider.aws.models) == {old}


def test_new_tags_are_put_on_the_same_model() -> None:
    provider = Provider()
    name = succeeded(provider.model(**BY_IMAGE)).physical_id
    tags = [{"Key": "team", "Value": "y"}]
    assert succeeded(provider.model("Update", name, **BY_IMAGE, Tags=tags)).physical_id == name
    assert provider.aws.tags == {f"arn:aws:sagemaker:eu-west-1:123456789012:model/{name}": tags}


def test_containers_that_were_not_let_read_are_refused() -> None:
    provider = Provider(demand=job(container()))
    reason = failed(provider.model(**BY_JOB, Digest="0123456789abcdef")).reason
    assert "deploy again" in reason
    assert provider.aws.models == {}


@pytest.mark.parametrize("name", ["NamePrefix", "ExecutionRoleArn", "Digest"])
def test_a_property_that_is_missing_is_named(name: str) -> None:
    assert name in failed(Provider().model(**BY_IMAGE, **{name: ""})).reason


@pytest.mark.parametrize(
    "properties",
    [{"SubnetIds": "subnet-1"}, {"SubnetIds": [1]}, {"Tags": [1]}, {"Tags": [{}]}, {"EnableNetworkIsolation": "yes"}],
)
def test_a_property_of_the_wrong_kind_is_named(properties: dict[str, Any]) -> None:
    assert next(iter(properties)) in failed(Provider().model(**BY_IMAGE, **properties)).reason


def test_a_role_that_is_still_spreading_is_waited_for() -> None:
    provider = Provider()
    provider.aws.trouble["create"] = [NotReadyError("could not assume the role")] * 3
    succeeded(provider.model(**BY_IMAGE))


def test_a_refusal_is_passed_on_at_once() -> None:
    provider = Provider()
    provider.aws.trouble["create"] = [REFUSED]
    assert failed(provider.model(**BY_IMAGE)).reason == REFUSED.message
    assert provider.time.slept == []


def test_a_creation_that_failed_is_rolled_back_without_a_trace() -> None:
    provider = Provider(remaining_s=20)
    name = succeeded(provider.model(**BY_IMAGE)).physical_id  # as if made by a call whose answer never came
    provider.aws.trouble["create"] = [NO_ANSWER] * 1000
    answer = failed(provider.model(**BY_IMAGE))
    assert answer.physical_id == name
    succeeded(provider.model("Delete", answer.physical_id, **BY_IMAGE))
    assert provider.aws.models == {}


def test_an_update_that_failed_leaves_the_old_model_and_nothing_else() -> None:
    provider = Provider(remaining_s=20)
    old = succeeded(provider.model(**BY_IMAGE)).physical_id
    new = succeeded(provider.model("Update", old, **NEXT)).physical_id  # as if made by a call whose answer never came
    provider.aws.trouble["create"] = [NO_ANSWER] * 1000
    answer = failed(provider.model("Update", old, **NEXT))
    assert answer.physical_id == old
    assert new not in provider.aws.models
    assert old in provider.aws.models


def test_an_update_that_could_not_clean_up_names_what_it_left() -> None:
    provider = Provider(remaining_s=20)
    old = succeeded(provider.model(**BY_IMAGE)).physical_id
    provider.aws.trouble = {"create": [NO_ANSWER] * 1000, "delete": [TransientError("still no answer")]}
    answer = failed(provider.model("Update", old, **NEXT))
    assert PREFIX in answer.reason
    assert "may be left behind: still no answer" in answer.reason


def test_a_failed_update_of_the_tags_does_not_touch_the_model() -> None:
    provider = Provider(remaining_s=20)
    old = succeeded(provider.model(**BY_IMAGE)).physical_id
    provider.aws.trouble["tag"] = [NO_ANSWER]
    answer = failed(provider.model("Update", old, **BY_IMAGE, Tags=[{"Key": "a", "Value": "b"}]))
    assert answer.physical_id == old
    assert list(provider.aws.models) == [old]


def test_a_model_that_is_gone_is_deleted() -> None:
    provider = Provider()
    name = succeeded(provider.model(**BY_IMAGE)).physical_id
    provider.aws.models.clear()
    succeeded(provider.model("Delete", name, **BY_IMAGE))


@pytest.mark.parametrize("physical_id", ["Model-was-not-made", "somebodys-model", f"{PREFIX}x-0123456789abcdef", ""])
def test_what_is_not_this_stacks_model_is_left_alone(physical_id: str) -> None:
    provider = Provider()
    succeeded(provider.answer("Delete", MODEL, physical_id, NamePrefix=PREFIX))
    assert provider.aws.called == []


def test_a_deletion_needs_no_property_but_the_prefix() -> None:
    provider = Provider()
    name = succeeded(provider.model(**BY_IMAGE)).physical_id
    succeeded(provider.answer("Delete", MODEL, name, NamePrefix=PREFIX, SubnetIds=7, Environment="{"))
    assert provider.aws.models == {}


def test_a_deletion_that_is_refused_says_so() -> None:
    provider = Provider()
    name = succeeded(provider.model(**BY_IMAGE)).physical_id
    provider.aws.trouble["delete"] = [REFUSED]
    answer = failed(provider.model("Delete", name, **BY_IMAGE))
    assert answer.physical_id == name
    assert REFUSED.message in answer.reason


def test_another_resource_is_refused_and_can_still_be_rolled_back() -> None:
    provider = Provider()
    answer = failed(provider.answer("Create", "Custom::Other"))
    assert "Custom::Other" in answer.reason
    succeeded(provider.answer("Delete", "Custom::Other", answer.physical_id))
