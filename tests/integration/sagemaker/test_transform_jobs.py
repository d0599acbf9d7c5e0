"""Batch transform jobs as a client sees them: objects, outputs, statuses, events."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tailrace_local.sagemaker.inference.transform.jobs import MIB

from .cloud import ACCOUNT, REGION, Lab, RunningEmulator, client, eventually, settings
from .conftest import MakeLab
from .test_faults import plan
from .transforms import Transforms


@pytest.fixture(scope="module")
def shared(aws_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transforms]:
    """A lab with a model and three inputs; the second one is refused by the model."""
    running = RunningEmulator(settings(tmp_path_factory.mktemp("transforms"), aws_url, logs_period_s=0.2)).start()
    try:
        lab = Lab(running, aws_url)
        for key, text in (("in/1.csv", "1\n2\n"), ("in/a/2.csv", "bad\n"), ("in/3.csv", "3\n")):
            lab.put(text, key)
        yield Transforms(lab)
    finally:
        running.stop()


@pytest.fixture(scope="module")
def model(shared: Transforms) -> str:
    return shared.lab.model(weight=10)


@pytest.fixture
def manifest(shared: Transforms) -> str:
    text = json.dumps([{"prefix": f"s3://{shared.lab.bucket}/in/"}, "1.csv", "3.csv"])
    return shared.lab.put(text, "lists/good.json")


def _refusal(call: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_manifests_objects_are_transformed_and_the_end_is_announced(
    shared: Transforms, model: str, manifest: str
) -> None:
    arn = shared.create("good", model, shared.source("ManifestFile", manifest), output={"Accept": "text/csv"})
    assert arn == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:transform-job/good"
    described = shared.ended("good")
    assert described["TransformJobStatus"] == "Completed"
    assert "FailureReason" not in described
    assert described["CreationTime"] <= described["TransformStartTime"] <= described["TransformEndTime"]
    assert (described["TransformEndTime"] - datetime.now(UTC)).total_seconds() < 60
    assert described["ModelName"] == model
    assert shared.outputs("good") == {"1.csv.out": "10\n20\n", "3.csv.out": "30\n"}
    eventually(lambda: shared.statuses("good")[-1] == "Completed", "the event")
    assert shared.statuses("good") == ["InProgress", "InProgress", "Completed"]
    event = shared.lab.running.bus.events[-1]
    assert event.detail_type == "SageMaker Transform Job State Change"
    assert list(event.resources) == [arn]
    detail = json.loads(event.detail)
    assert detail["TransformEndTime"] == round(described["TransformEndTime"].timestamp() * 1000)
    assert detail["TransformOutput"] == described["TransformOutput"]
    assert "FailureReason" not in detail


def test_a_prefix_gives_an_output_for_each_whole_success_and_any_failure_fails_the_job(
    shared: Transforms, model: str
) -> None:
    retries = {"ModelClientConfig": {"InvocationsMaxRetries": 0}}
    shared.over_prefix("partly", model, MaxConcurrentTransforms=2, MaxPayloadInMB=5, **retries)
    described = shared.ended("partly")
    assert described["TransformJobStatus"] == "Failed"
    assert described["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert shared.outputs("partly") == {"1.csv.out": "10\n20\n", "3.csv.out": "30\n"}
    eventually(lambda: shared.statuses("partly")[-1] == "Failed", "the event")
    assert json.loads(shared.lab.running.bus.events[-1].detail)["FailureReason"] == described["FailureReason"]


def test_the_models_refusals_are_the_clients_errors_and_written_to_the_data_log(
    shared: Transforms, model: str, aws_url: str
) -> None:
    plan(shared.lab, {"when": {"row": "^3$"}, "do": {"kind": "status", "status": 400, "body": "row 1: no"}})
    uri = f"s3://{shared.lab.bucket}/in/3.csv"
    shared.create("refused", model, shared.source("S3Prefix", uri))
    described = shared.ended("refused")
    plan(shared.lab)
    assert described["FailureReason"] == "ClientError: See job logs for more information"
    assert shared.outputs("refused") == {}
    log = (shared.lab.running.settings.state_dir / "logs" / "transform-refused-1-data-log.log").read_text()
    place = f"[sagemaker logs]: {shared.lab.bucket}/in/3.csv"
    assert f"{place}: ClientError: 400\n{place}: \n{place}: Message:\n{place}: row 1: no\n" in log
    group, stream = "/aws/sagemaker/TransformJobs", "refused/transform-refused-1/data-log"

    logs = client("logs", aws_url)

    def forwarded() -> bool:
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return False
        found = logs.filter_log_events(logGroupName=group, logStreamNamePrefix=stream)["events"]
        return any("row 1: no" in each["message"] for each in found)

    eventually(forwarded, "the data log in CloudWatch")


@pytest.mark.parametrize(
    ("faults", "status"),
    [(3, "Completed"), (4, "Failed")],
)
def test_server_errors_are_retried_three_times(shared: Transforms, model: str, faults: int, status: str) -> None:
    one = shared.lab.put(json.dumps([{"prefix": f"s3://{shared.lab.bucket}/in/"}, "1.csv"]), "lists/one.json")
    plan(shared.lab, {"when": {"limit": faults}, "do": {"kind": "status", "status": 500}})
    name = f"retried-{faults}"
    shared.create(name, model, shared.source("ManifestFile", one))
    assert shared.ended(name)["TransformJobStatus"] == status
    plan(shared.lab)


def test_an_event_is_repeated_or_lost_by_a_fault_plan(shared: Transforms, model: str, manifest: str) -> None:
    plan(
        shared.lab,
        {"when": {"endpoint": "noisy", "outcome": "Completed"}, "do": {"kind": "duplicate", "times": 2}},
        {"when": {"endpoint": "silent", "outcome": "Completed"}, "do": {"kind": "drop"}},
    )
    for name in ("silent", "noisy"):
        shared.create(name, model, shared.source("ManifestFile", manifest))
        assert shared.ended(name)["TransformJobStatus"] == "Completed"
    eventually(lambda: shared.statuses("noisy").count("Completed") == 3, "three events")
    assert "Completed" not in shared.statuses("silent")
    plan(shared.lab)


def test_a_job_that_stops_stores_nothing_more_and_cannot_be_stopped_again(shared: Transforms, model: str) -> None:
    plan(shared.lab, {"do": {"kind": "slow", "seconds": 600}})
    shared.over_prefix("stopped", model)
    eventually(
        lambda: "TransformStartTime" in shared.lab.sm.describe_transform_job(TransformJobName="stopped"), "the start"
    )
    code, message = _refusal(
        shared.lab.sm.create_transform_job,
        TransformJobName="stopped",
        ModelName=model,
        TransformInput=shared.source("S3Prefix", f"s3://{shared.lab.bucket}/in/"),
        TransformOutput={"S3OutputPath": f"s3://{shared.lab.bucket}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    assert code == "ResourceInUse"
    assert message.startswith("Job name must be unique within an AWS account and region")
    shared.lab.sm.stop_transform_job(TransformJobName="stopped")
    assert shared.ended("stopped")["TransformJobStatus"] == "Stopped"
    plan(shared.lab)
    assert shared.outputs("stopped") == {}
    eventually(lambda: shared.statuses("stopped")[-1] == "Stopped", "the event")
    assert shared.statuses("stopped")[-2:] == ["Stopping", "Stopped"]
    code, message = _refusal(shared.lab.sm.stop_transform_job, TransformJobName="stopped")
    assert (code, message.endswith("is in status Stopped.")) == ("ValidationException", True)
    assert list((shared.lab.running.settings.state_dir / "processes").iterdir()) == []


def test_jobs_are_listed_by_status_and_name(shared: Transforms, model: str, manifest: str) -> None:
    shared.create("listed-1", model, shared.source("ManifestFile", manifest))
    shared.ended("listed-1")
    missing = shared.source("ManifestFile", f"s3://{shared.lab.bucket}/lists/none.json")
    shared.create("listed-2", model, missing)
    assert shared.ended("listed-2")["FailureReason"].startswith("ClientError: s3://")
    listed = shared.lab.sm.list_transform_jobs(NameContains="listed", SortBy="Name", SortOrder="Ascending")
    assert [(one["TransformJobName"], one["TransformJobStatus"]) for one in listed["TransformJobSummaries"]] == [
        ("listed-1", "Completed"),
        ("listed-2", "Failed"),
    ]
    failed = shared.lab.sm.list_transform_jobs(NameContains="listed", StatusEquals="Failed")
    assert [one["TransformJobName"] for one in failed["TransformJobSummaries"]] == ["listed-2"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ModelName": "nobody"}, "Could not find model"),
        ({"MaxConcurrentTransforms": 17}, "MaxConcurrentTransforms * MaxPayloadInMB, 102, cannot exceed 100"),
        ({"MaxPayloadInMB": 101}, "cannot be greater than 100"),
        ({"TransformJobName": "x" * 64}, "less than or equal to 63"),
        ({"DataProcessing": {"InputFilter": "$["}}, "InputFilter $[ is no JSONPath"),
        ({"DataProcessing": {"InputFilter": "x" * 64}}, "less than or equal to 63"),
        ({"ModelClientConfig": {"InvocationsMaxRetries": 4}}, "less than or equal to 3"),
        ({"TransformResources": {"InstanceType": "ml.large", "InstanceCount": 1}}, "enum value set"),
    ],
)
def test_requests_outside_the_limits_are_refused(
    shared: Transforms, model: str, changes: dict[str, Any], said: str
) -> None:
    request = {
        "TransformJobName": "never",
        "ModelName": model,
        "TransformInput": shared.source("S3Prefix", f"s3://{shared.lab.bucket}/in/"),
        "TransformOutput": {"S3OutputPath": f"s3://{shared.lab.bucket}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    code, message = _refusal(shared.lab.sm.create_transform_job, **(request | changes))
    assert code == "ValidationException"
    assert said in message


def test_a_job_that_does_not_exist_is_a_validation_exception(shared: Transforms) -> None:
    for call in (shared.lab.sm.describe_transform_job, shared.lab.sm.stop_transform_job):
        assert _refusal(call, TransformJobName="none") == (
            "ValidationException",
            "Could not find requested job with name: none",
        )


def test_lines_are_split_by_both_strategies_and_assembled_in_their_order(shared: Transforms) -> None:
    lines = "".join(f"{number}\n" for number in range(1, 8)).encode()
    shared.lab.s3.put_object(Bucket=shared.lab.bucket, Key="packed/7.csv.gz", Body=gzip.compress(lines))
    model = shared.lab.model("advised", ADVISED='{"MaxConcurrentTransforms": 3, "BatchStrategy": "SINGLE_RECORD"}')
    source = shared.source("S3Prefix", f"s3://{shared.lab.bucket}/packed", SplitType="Line", CompressionType="Gzip")
    doubled = "".join(f"{2 * number}\n" for number in range(1, 8))
    for name, more in {"single": {}, "multi": {"BatchStrategy": "MultiRecord"}}.items():
        shared.create(name, model, source, output={"AssembleWith": "Line"}, **more)
        assert shared.ended(name)["TransformJobStatus"] == "Completed"
        assert shared.outputs(name) == {"7.csv.gz.out": doubled}
    logs = shared.lab.running.settings.state_dir / "logs"
    assert "MaxConcurrentTransforms=3" in (logs / "transform-single-1-data-log.log").read_text()
    posts = {name: (logs / f"transform-{name}-1-0.log").read_text().count("POST") for name in ("single", "multi")}
    assert posts == {"single": 7, "multi": 1}


def test_an_object_that_is_not_split_and_larger_than_the_payload_limit_fails(shared: Transforms, model: str) -> None:
    location = shared.lab.put("1\n" * (MIB // 2 + 1), "big/1.csv")
    shared.create("large", model, shared.source("S3Prefix", location), MaxPayloadInMB=1)
    assert shared.ended("large")["FailureReason"] == "ClientError: See job logs for more information"
    assert shared.outputs("large") == {}


def test_records_are_filtered_for_the_model_and_joined_to_its_results(shared: Transforms, model: str) -> None:
    location = shared.lab.put('a,1,"x, y"\nb,2,z\n', "keyed/rows.csv")
    source = shared.source("S3Prefix", location, SplitType="Line")
    processing = {"InputFilter": "$[1]", "JoinSource": "Input", "OutputFilter": "$[0,2:]"}
    shared.create("joined", model, source, output={"AssembleWith": "Line"}, DataProcessing=processing)
    assert shared.ended("joined")["TransformJobStatus"] == "Completed"
    assert shared.outputs("joined") == {"rows.csv.out": 'a,"x, y",10\nb,z,20\n'}
    shared.create("outside", model, source, DataProcessing={"InputFilter": "$[3]"})
    assert shared.ended("outside")["TransformJobStatus"] == "Failed"


def test_an_emulator_may_store_a_manifests_outputs_under_the_whole_key(make_lab: MakeLab) -> None:
    lab = make_lab(manifest_outputs_by_full_key=True)
    transforms = Transforms(lab)
    lab.put("4\n", "in/4.csv")
    manifest = lab.put(json.dumps([{"prefix": f"s3://{lab.bucket}/in/"}, "4.csv"]), "lists/full.json")
    transforms.create("full", lab.model(), transforms.source("ManifestFile", manifest))
    assert transforms.ended("full")["TransformJobStatus"] == "Completed"
    assert transforms.outputs("full") == {"in/4.csv.out": "8\n"}
