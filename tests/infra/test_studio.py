"""Studio is there when it is asked for, stays in its VPC, and its people change nothing of the stack."""

from __future__ import annotations

import json

import pytest

from tests.infra.evaluation import holds, refusals
from tests.infra.templates import as_list, root, studio

IMAGE = {"ModelImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demand:1"}
NETWORK = {"StudioVpcId": "vpc-0a1", "StudioSubnetIds": "subnet-0a1", "StudioSecurityGroupIds": "sg-0a1"}
# Permissions of the notebooks' role: data under one prefix, AutoML jobs, notebooks.
SCIENTIST = {
    "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListBucket",
    "sagemaker:CreateAutoMLJobV2", "sagemaker:DescribeAutoMLJobV2", "sagemaker:ListCandidatesForAutoMLJob",
    "sagemaker:StopAutoMLJob", "sagemaker:ListAutoMLJobs", "sagemaker:AddTags", "iam:PassRole",
    "sagemaker:CreateApp", "sagemaker:DeleteApp", "sagemaker:DescribeApp", "sagemaker:ListApps",
    "sagemaker:CreateSpace", "sagemaker:UpdateSpace", "sagemaker:DeleteSpace", "sagemaker:DescribeSpace",
    "sagemaker:ListSpaces", "sagemaker:DescribeDomain", "sagemaker:ListDomains", "sagemaker:DescribeUserProfile",
    "sagemaker:ListUserProfiles",
    "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams",
}  # fmt: skip


def granted(*owners: str) -> set[str]:
    return {
        action for owner, found in studio().role_statements() if owner in owners for action in as_list(found["Action"])
    }


def test_studio_is_off_by_default_and_on_with_a_network() -> None:
    assert root().body["Resources"]["Studio"]["Condition"] == "HasStudio"
    assert not holds(root(), "HasStudio", **IMAGE)
    assert holds(root(), "HasStudio", **IMAGE, **NETWORK)
    assert refusals(root(), **IMAGE, **NETWORK) == []


@pytest.mark.parametrize("missing", NETWORK)
def test_half_a_network_is_refused(missing: str) -> None:
    given = {name: value for name, value in NETWORK.items() if name != missing}
    assert any("all three, or none" in refusal for refusal in refusals(root(), **IMAGE, **given))


def test_the_root_hands_studio_every_parameter() -> None:
    assert set(root().properties("Studio")["Parameters"]) == set(studio().body["Parameters"])


def test_notebooks_have_no_way_out_but_the_vpc() -> None:
    assert studio().properties("Domain")["AppNetworkAccessType"] == "VpcOnly"


def test_people_are_granted_what_training_takes_and_nothing_of_the_stack() -> None:
    assert granted("ScientistRole", "RunNotebooks") == SCIENTIST
    assert studio().properties("ScientistRole")["ManagedPolicyArns"] == [{"Ref": "ProducerPolicy"}]
    assert "ManagedPolicyArns" not in studio().properties("TrainingRole")


def test_objects_are_reached_under_one_prefix_alone() -> None:
    for _, found in studio().role_statements():
        if any(action.startswith("s3:") for action in as_list(found["Action"])):
            text = json.dumps(found)
            assert "${Bucket}/studio/*" in text or found["Condition"] == {"StringLike": {"s3:prefix": "studio/*"}}


def test_the_one_role_that_is_passed_is_passed_to_sagemaker() -> None:
    passing = [found for _, found in studio().role_statements() if "iam:PassRole" in as_list(found["Action"])]
    assert [found["Resource"] for found in passing] == [{"Fn::GetAtt": ["TrainingRole", "Arn"]}] * 2
    assert {json.dumps(found["Condition"]) for found in passing} == {
        json.dumps({"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}})
    }
