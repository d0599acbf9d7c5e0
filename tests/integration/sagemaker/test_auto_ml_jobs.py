"""AutoML jobs: a client creates and describes them, and a test sets their results."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .cloud import ROLE, Lab

Json = dict[str, Any]
SOURCE = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train.csv"}}
CONTAINERS = [
    {
        "Image": "sklearn-automl:1",
        "ModelDataUrl": "s3://bucket/1.tar.gz",
        "Environment": {"AUTOML_TRANSFORM_MODE": "x"},
    },
    {"Image": "xgboost:1", "ModelDataUrl": "s3://bucket/2.tar.gz"},
]
BEST = {"CandidateName": "best", "InferenceContainers": CONTAINERS}


def create(lab: Lab, name: str = "demand") -> str:
    lab.sm.create_auto_ml_job_v2(
        AutoMLJobName=name,
        AutoMLJobInputDataConfig=[{"ChannelType": "training", "DataSource": SOURCE}],
        OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
        AutoMLProblemTypeConfig={
            "TabularJobConfig": {"TargetAttributeName": "unit_sales", "Mode": "HYPERPARAMETER_TUNING"}
        },
        RoleArn=ROLE,
        Tags=[{"Key": "team", "Value": "demand"}],
    )
    return name


def tell(lab: Lab, name: str, told: Any, method: str = "PUT") -> Json:
    request = urllib.request.Request(  # noqa: S310 - the emulator's own address
        f"{lab.running.url}/_tailrace/sagemaker/auto-ml-jobs/{name}",
        json.dumps(told).encode(),
        {"x-tailrace-token": lab.running.token},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
        found: Json = json.loads(answer.read())
    return found


def test_a_job_is_in_progress_until_somebody_says_more(lab: Lab) -> None:
    described = lab.sm.describe_auto_ml_job_v2(AutoMLJobName=create(lab))
    assert described["AutoMLJobStatus"] == "InProgress"
    assert described["AutoMLJobSecondaryStatus"] == "Starting"
    assert described["AutoMLProblemTypeConfigName"] == "Tabular"
    assert "BestCandidate" not in described
    assert lab.sm.list_tags(ResourceArn=described["AutoMLJobArn"])["Tags"] == [{"Key": "team", "Value": "demand"}]


def test_what_is_told_is_what_is_described(lab: Lab) -> None:
    create(lab)
    tell(lab, "demand", {"AutoMLJobStatus": "Completed", "BestCandidate": BEST})
    described = lab.sm.describe_auto_ml_job_v2(AutoMLJobName="demand")
    assert (described["AutoMLJobStatus"], described["AutoMLJobSecondaryStatus"]) == ("Completed", "Completed")
    assert described["BestCandidate"]["InferenceContainers"] == CONTAINERS
    assert described["BestCandidate"]["CandidateStatus"] == "Completed"
    assert described["EndTime"] >= described["CreationTime"]
    listed = lab.sm.list_candidates_for_auto_ml_job(AutoMLJobName="demand")["Candidates"]
    assert listed == [described["BestCandidate"]]


def test_candidates_are_listed_by_their_metric_page_by_page(lab: Lab) -> None:
    create(lab)
    metric = {"MetricName": "MSE"}
    candidates = [
        {"CandidateName": f"c{at}", "FinalAutoMLJobObjectiveMetric": {**metric, "Value": value}}
        for at, value in enumerate((3.0, 1.0, 2.0))
    ]
    tell(lab, "demand", {"AutoMLJobStatus": "Completed", "BestCandidate": candidates[1], "Candidates": candidates})
    pages = lab.sm.get_paginator("list_candidates_for_auto_ml_job").paginate(
        AutoMLJobName="demand", SortBy="FinalObjectiveMetricValue", PaginationConfig={"PageSize": 2}
    )
    assert [[found["CandidateName"] for found in page["Candidates"]] for page in pages] == [["c1", "c2"], ["c0"]]
    (named,) = lab.sm.list_candidates_for_auto_ml_job(AutoMLJobName="demand", CandidateNameEquals="c2")["Candidates"]
    assert named["FinalAutoMLJobObjectiveMetric"]["Value"] == 2.0


def test_a_failure_is_described_with_its_reason(lab: Lab) -> None:
    create(lab)
    tell(lab, "demand", {"AutoMLJobStatus": "Failed", "FailureReason": "the data has no rows"})
    described = lab.sm.describe_auto_ml_job_v2(AutoMLJobName="demand")
    assert (described["AutoMLJobStatus"], described["FailureReason"]) == ("Failed", "the data has no rows")


def test_a_whole_description_makes_a_job_that_nobody_created(lab: Lab) -> None:
    whole = {
        "AutoMLJobName": "another", "AutoMLJobArn": "arn:aws:sagemaker:us-east-1:999999999999:automl-job/another",
        "AutoMLJobInputDataConfig": [{"DataSource": SOURCE}], "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "RoleArn": ROLE, "CreationTime": "2026-01-02T03:04:05+00:00", "LastModifiedTime": 1767323045,
        "AutoMLJobStatus": "Completed", "AutoMLJobSecondaryStatus": "Completed", "BestCandidate": BEST,
    }  # fmt: skip
    told = tell(lab, "copied", whole)
    assert told["AutoMLJobArn"].endswith(":automl-job/copied")
    described = lab.sm.describe_auto_ml_job_v2(AutoMLJobName="copied")
    assert described["CreationTime"].year == 2026
    assert described["BestCandidate"]["InferenceContainers"] == CONTAINERS


def test_a_job_of_the_older_operation_is_described_in_both_forms(lab: Lab) -> None:
    lab.sm.create_auto_ml_job(
        AutoMLJobName="older",
        InputDataConfig=[{"DataSource": SOURCE, "TargetAttributeName": "unit_sales"}],
        OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
        ProblemType="Regression",
        AutoMLJobObjective={"MetricName": "MSE"},
        AutoMLJobConfig={"Mode": "ENSEMBLING"},
        RoleArn=ROLE,
    )
    tell(lab, "older", {"AutoMLJobStatus": "Completed", "BestCandidate": BEST})
    older = lab.sm.describe_auto_ml_job(AutoMLJobName="older")
    assert older["InputDataConfig"][0]["TargetAttributeName"] == "unit_sales"
    newer = lab.sm.describe_auto_ml_job_v2(AutoMLJobName="older")
    tabular = {"TargetAttributeName": "unit_sales", "ProblemType": "Regression", "Mode": "ENSEMBLING"}
    assert newer["AutoMLProblemTypeConfig"] == {"TabularJobConfig": tabular}
    assert older["BestCandidate"] == newer["BestCandidate"]


def test_a_job_of_the_newer_operation_has_no_older_form(lab: Lab) -> None:
    with pytest.raises(ClientError, match=r"ResourceNotFound.*DescribeAutoMLJobV2"):
        lab.sm.describe_auto_ml_job(AutoMLJobName=create(lab))


def test_a_running_job_is_stopped_and_one_that_ended_is_not(lab: Lab) -> None:
    create(lab)
    lab.sm.stop_auto_ml_job(AutoMLJobName="demand")
    assert lab.sm.describe_auto_ml_job_v2(AutoMLJobName="demand")["AutoMLJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="nothing to stop"):
        lab.sm.stop_auto_ml_job(AutoMLJobName="demand")


def test_jobs_are_listed_by_status(lab: Lab) -> None:
    for name in ("one", "two"):
        create(lab, name)
    tell(lab, "two", {"AutoMLJobStatus": "Failed", "FailureReason": "why not"})
    (failed,) = lab.sm.list_auto_ml_jobs(StatusEquals="Failed")["AutoMLJobSummaries"]
    assert (failed["AutoMLJobName"], failed["FailureReason"]) == ("two", "why not")


def test_unknown_and_existing_names_are_refused(lab: Lab) -> None:
    with pytest.raises(ClientError, match=r"ResourceNotFound.*nowhere"):
        lab.sm.describe_auto_ml_job_v2(AutoMLJobName="nowhere")
    create(lab)
    with pytest.raises(ClientError, match=r"ResourceInUse.*demand"):
        create(lab)


@pytest.mark.parametrize(
    ("name", "told", "said"),
    [
        ("demand", {"Status": "Completed"}, "Status: neither a member of DescribeAutoMLJobV2's answer"),
        ("demand", {"AutoMLJobStatus": "Done"}, "enum value set"),
        ("demand", {"BestCandidate": {"InferenceContainers": [{"Image": "x"}]}}, "modelDataUrl"),
        ("demand", ["Completed"], "Send an object"),
        ("nobody", {"AutoMLJobStatus": "Completed"}, "roleArn"),
    ],
)
def test_what_is_told_wrongly_is_refused_and_changes_nothing(lab: Lab, name: str, told: Any, said: str) -> None:
    create(lab)
    before = lab.sm.list_auto_ml_jobs()["AutoMLJobSummaries"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        tell(lab, name, told)
    assert said in refused.value.read().decode()
    assert lab.sm.list_auto_ml_jobs()["AutoMLJobSummaries"] == before
