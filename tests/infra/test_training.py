"""The stack for training: who may do what, and that its role reads and writes one prefix alone."""

from __future__ import annotations

import json

import pytest

from tailrace.models.train.requests import data_key, models_address
from tests.infra.templates import TRAINING, as_list, source, studio

# By operation of botocore: the calls of `tailrace train` and `tailrace leaderboard`.
CALLS = {
    "describe_stacks": "cloudformation:DescribeStacks",
    "head_object": "s3:GetObject",
    "get_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "upload_part": "s3:PutObject",
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "list_objects_v2": "s3:ListBucket",
    "create_auto_ml_job_v2": "sagemaker:CreateAutoMLJobV2",
    "describe_auto_ml_job_v2": "sagemaker:DescribeAutoMLJobV2",
    "list_candidates_for_auto_ml_job": "sagemaker:ListCandidatesForAutoMLJob",
    "stop_auto_ml_job": "sagemaker:StopAutoMLJob",
}
WITH_A_JOB = {"iam:PassRole", "sagemaker:AddTags"}
"""Of CreateAutoMLJobV2: the role is passed, and tags are added."""


def granted(owner: str, template: str = TRAINING) -> set[str]:
    body = source(template) if template == TRAINING else studio()
    return {action for key, found in body.role_statements() if key == owner for action in as_list(found["Action"])}


def test_people_are_granted_the_calls_of_the_commands_and_no_other() -> None:
    assert granted("TrainerPolicy") == {*CALLS.values(), *WITH_A_JOB}


def test_a_job_is_granted_what_it_is_in_studio_but_for_a_key() -> None:
    assert granted("TrainingRole") == granted("TrainingRole", "studio") - {"kms:Decrypt", "kms:GenerateDataKey"}
    assert granted("TrainAsItself") == {"iam:PassRole"}


def test_objects_are_reached_under_one_prefix_alone_where_the_client_puts_them() -> None:
    for _, found in source(TRAINING).role_statements():
        if any(action.startswith("s3:") for action in as_list(found["Action"])):
            listing = found.get("Condition") == {"StringLike": {"s3:prefix": "training/*"}}
            assert listing or found["Resource"] == {"Fn::Sub": "${Bucket.Arn}/training/*"}
    assert data_key("0" * 64, "sales.csv").startswith("training/")
    assert models_address("bucket").startswith("s3://bucket/training/")


def test_the_one_role_that_is_passed_is_passed_to_sagemaker() -> None:
    passing = [found for _, found in source(TRAINING).role_statements() if "iam:PassRole" in as_list(found["Action"])]
    assert [found["Resource"] for found in passing] == [{"Fn::GetAtt": ["TrainingRole", "Arn"]}] * 2
    assert {json.dumps(found["Condition"]) for found in passing} == {
        json.dumps({"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}})
    }


@pytest.mark.parametrize("output", ["Bucket", "TrainingRole"])
def test_the_client_finds_the_outputs_that_it_looks_for(output: str) -> None:
    assert output in source(TRAINING).body["Outputs"]
