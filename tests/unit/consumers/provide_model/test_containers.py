"""Containers, names and ARNs over all inputs that SageMaker takes."""

from __future__ import annotations

import json
import re
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_consumers.provide_model.automl import best_containers
from tailrace_consumers.provide_model.containers import (
    Container,
    definitions,
    digest,
    model_data_arns,
    repository_arns,
)
from tailrace_consumers.provide_model.models import Model
from tailrace_core.errors import InputError

ROLE = "arn:aws:iam::123456789012:role/r"
# The pattern in botocore's model of CreateModel.
MODEL_NAME = r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?"

accounts = st.from_regex(r"[0-9]{12}", fullmatch=True)
# Built from words: Hypothesis takes ten times as long to draw the same from a regular expression.
words = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
parts = st.builds(
    lambda first, rest: first + "".join(rest),
    words,
    st.lists(st.builds("{}{}".format, st.sampled_from("._-"), words), max_size=2),
)
repositories = st.lists(parts, min_size=1, max_size=6).map("/".join)
marks = st.sampled_from(["", ":1", ":latest", "@sha256:" + 64 * "a", ":1.0_x-y@sha256:" + 64 * "0"])
places = st.sampled_from([("aws", "eu-west-1", "amazonaws.com"), ("aws-cn", "cn-north-1", "amazonaws.com.cn")])
keys = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(
    lambda key: not key.endswith("/")
)
environments = st.dictionaries(
    st.builds(
        "{}{}".format,
        st.sampled_from(string.ascii_letters + "_"),
        st.text(string.ascii_letters + string.digits + "_", max_size=20),
    ),
    st.text(max_size=40),
    max_size=8,
)
containers = st.builds(
    Container,
    st.builds("123456789012.dkr.ecr.eu-west-1.amazonaws.com/{}{}".format, repositories, marks),
    st.one_of(st.just(""), st.builds("s3://bucket/{}".format, keys)),
    environments,
)
models = st.builds(
    Model,
    name_prefix=st.uuids().map("tailrace-{}".format),
    containers=st.lists(containers, min_size=1, max_size=3).map(tuple),
    execution_role_arn=st.sampled_from([ROLE, ROLE + "2"]),
    isolated=st.booleans(),
    subnet_ids=st.lists(st.sampled_from(["subnet-1", "subnet-2"]), unique=True).map(tuple),
    security_group_ids=st.just(("sg-1",)),
)


@given(accounts, repositories, marks, places)
def test_an_image_is_pulled_from_its_repository_whatever_its_depth_and_mark(
    account: str, repository: str, mark: str, place: tuple[str, str, str]
) -> None:
    partition, region, suffix = place
    image = f"{account}.dkr.ecr.{region}.{suffix}/{repository}{mark}"
    assert (
        Container(image).repository_arn(partition) == f"arn:{partition}:ecr:{region}:{account}:repository/{repository}"
    )


@pytest.mark.parametrize(
    "image", ["", "nginx", "nginx:1", "docker.io/a/b:1", "1.dkr.ecr.eu-west-1.amazonaws.com/a", "x" * 300]
)
def test_an_image_that_is_not_in_ecr_is_refused_with_the_form_that_it_should_have(image: str) -> None:
    with pytest.raises(InputError, match=r"is not one of ECR.*<account>\.dkr\.ecr"):
        Container(image).repository_arn("aws")


@given(keys)
def test_a_policy_on_an_archive_names_that_key_and_no_pattern(key: str) -> None:
    arn = Container("i", f"s3://bucket/{key}").model_data_arn("aws")
    assert arn is not None
    assert not re.search(r"[*?$]", re.sub(r"\$\{[*?$]\}", "", arn))
    assert re.sub(r"\$\{([*?$])\}", r"\1", arn) == f"arn:aws:s3:::bucket/{key}"


@pytest.mark.parametrize("character", "*?$")
def test_what_means_more_in_a_policy_is_taken_for_itself(character: str) -> None:
    arn = Container("i", f"s3://bucket/a{character}b").model_data_arn("aws")
    assert arn == f"arn:aws:s3:::bucket/a${{{character}}}b"


@pytest.mark.parametrize("location", ["s3://bucket", "s3://bucket/", "s3://bucket/prefix/", "https://x/y", "k"])
def test_model_data_that_is_no_object_is_refused(location: str) -> None:
    with pytest.raises(InputError, match="s3://bucket/key"):
        Container("i", location).model_data_arn("aws")


@given(st.lists(containers, min_size=1, max_size=5).map(tuple))
def test_each_thing_to_read_is_named_once_and_none_is_left_out(found: tuple[Container, ...]) -> None:
    repositories, archives = repository_arns(found, "aws"), model_data_arns(found, "aws")
    assert len(set(repositories)) == len(repositories)
    assert set(repositories) == {each.repository_arn("aws") for each in found}
    assert len(set(archives)) == len(archives)
    assert set(archives) == {each.model_data_arn("aws") for each in found} - {None}
    assert not any("\n" in arn for arn in repositories + archives)


@given(st.lists(containers, min_size=1, max_size=3))
def test_a_candidates_containers_are_taken_as_they_are(found: list[Container]) -> None:
    described = [
        {"Image": each.image, "ModelDataUrl": each.model_data_url, "Environment": dict(each.environment)}
        for each in found
    ]
    job = {"AutoMLJobStatus": "Completed", "BestCandidate": {"InferenceContainers": described}}
    assert best_containers("j", job) == tuple(found)
    assert [each.get("Environment", {}) for each in definitions(tuple(found))] == [
        each["Environment"] for each in described
    ]


@given(models)
def test_a_models_name_is_one_that_sagemaker_takes_and_has_no_capitals(model: Model) -> None:
    assert re.fullmatch(MODEL_NAME, model.name)
    assert len(model.name) <= 63
    # SageMaker's ARNs are in lower case, and IAM's comparison is case-sensitive.
    assert model.name == model.name.lower()
    assert model.name.startswith(f"{model.name_prefix}-")


@given(models, models)
def test_models_have_one_name_exactly_when_nothing_tells_them_apart(one: Model, other: Model) -> None:
    other = replace(other, name_prefix=one.name_prefix)
    assert (one.name == other.name) == (one.definition() == other.definition())


@given(models, containers)
def test_whatever_decides_about_a_model_is_in_its_name(model: Model, more: Container) -> None:
    first, *rest = model.containers
    changed = [
        replace(model, isolated=not model.isolated),
        replace(model, execution_role_arn=model.execution_role_arn + "x"),
        replace(model, subnet_ids=(*model.subnet_ids, "subnet-3")),
        replace(model, containers=(*model.containers, more)),
        replace(model, containers=(replace(first, image=first.image + "0"), *rest)),
        replace(model, containers=(replace(first, model_data_url=first.model_data_url + "x"), *rest)),
        replace(model, containers=(replace(first, environment={**first.environment, "NEW_ONE_": "1"}), *rest)),
    ]
    assert len({model.name, *(each.name for each in changed)}) == 1 + len(changed)


@given(models)
def test_tags_and_the_order_of_variables_do_not_change_a_models_name(model: Model) -> None:
    turned = tuple(
        replace(each, environment=dict(reversed(list(each.environment.items())))) for each in model.containers
    )
    assert replace(model, containers=turned, tags={"team": "x"}).name == model.name


def test_a_digest_is_the_same_in_every_process() -> None:
    assert digest(json.loads('{"b": ["é"], "a": 1}')) == digest({"a": 1, "b": ["é"]}) == "28cae5a5c18b9007"


def test_one_container_is_the_primary_one_and_several_are_a_pipeline() -> None:
    one, two = Container("a"), Container("b")
    serial = Model(name_prefix="p", containers=(one,), execution_role_arn=ROLE, isolated=True)
    assert serial.definition()["PrimaryContainer"] == {"Image": "a"}
    both = replace(serial, containers=(one, two)).definition()
    assert both["Containers"] == [{"Image": "a"}, {"Image": "b"}]
    assert "PrimaryContainer" not in both
