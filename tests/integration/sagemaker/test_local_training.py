"""AutoML jobs that are really trained: candidates with metrics, refusals, and an endpoint with the best of them."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tailrace_local.control.workspace import Workspace
from tailrace_local.emulator_base.pace import Pace
from tailrace_local.sagemaker import ImageCommand
from tests.tools import skipped_without_tools

from .cloud import ACCOUNT, REGION, ROLE, Json, Lab, RunningEmulator, eventually, settings

IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/automl:1"


@pytest.fixture(scope="module")
def lab(aws_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with skipped_without_tools():
        command = [str(Workspace.here().tool("model")), "-m", "tailrace_local.demo.automl"]
    environment = {"PYTHONPATH": Workspace.here().sources}
    made = settings(
        tmp_path_factory.mktemp("state"),
        aws_url,
        images={IMAGE: ImageCommand([*command, "serve"], environment)},
        training_command=ImageCommand([*command, "train"], environment),
        training_image=IMAGE,
    )
    running = RunningEmulator(made, pace=Pace(0.001)).start()
    yield Lab(running, aws_url)
    running.stop()


def table(rows: int = 700, *, sold: bool = True, seed: int = 1) -> str:
    """A table of text, numbers, dates and missing cells, and what depends on them."""
    drawn = random.Random(seed)
    lines = ["shop,price,day,units,busy,size" if sold else "shop,price,day"]
    for _ in range(rows):
        shop, price = drawn.choice(("north", "south, old", "")), drawn.uniform(1, 9)
        units = {"north": 40, "south, old": 20, "": 5}[shop] + 3 * price + drawn.gauss(0, 1)
        told = f'"{shop}"' if "," in shop else shop
        cost = "" if drawn.random() < 0.05 else f"{price:.3f}"
        line = f"{told},{cost},2021-0{drawn.randint(1, 9)}-11"
        size = "large" if units > 50 else "small" if units < 25 else "medium"
        lines.append(f"{line},{units:.2f},{'yes' if units > 40 else 'no'},{size}" if sold else line)
    return "\n".join(lines) + "\n"


def columns(text: str, *names: str) -> str:
    """Leave the named columns out of the table, all of which stand after the last comma in quotes."""
    header = text.splitlines()[0].split(",")
    left = [at - len(header) for at, name in enumerate(header) if name in names]
    lines = [line.split(",") for line in text.splitlines()]
    return "".join(
        ",".join(cell for at, cell in enumerate(line) if at - len(line) not in left) + "\n" for line in lines
    )


MACRO = {"F1macro", "PrecisionMacro", "RecallMacro"}
REGRESSION = columns(table(), "busy", "size")


def train(lab: Lab, name: str, text: str, target: str, **changes: Any) -> Json:
    location = lab.put(text, f"{name}/train.csv")
    config = {"TargetAttributeName": target, "Mode": "ENSEMBLING", "CompletionCriteria": {"MaxCandidates": 3}}
    config |= changes.pop("config", {})
    lab.sm.create_auto_ml_job_v2(
        AutoMLJobName=name,
        AutoMLJobInputDataConfig=[
            {
                "ChannelType": "training",
                "ContentType": "text/csv;header=present",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": location}},
            }
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{lab.bucket}/models/"},
        AutoMLProblemTypeConfig={"TabularJobConfig": config},
        RoleArn=ROLE,
        **changes,
    )
    ended: Json = eventually(lambda: settled(lab, name), f"{name} to end")
    return ended


def settled(lab: Lab, name: str) -> Json | None:
    found: Json = lab.sm.describe_auto_ml_job_v2(AutoMLJobName=name)
    return None if found["AutoMLJobStatus"] == "InProgress" else found


def resolved(ended: Json) -> tuple[str, str]:
    found = ended["ResolvedAttributes"]
    kind = found["AutoMLProblemTypeResolvedAttributes"]["TabularResolvedAttributes"]["ProblemType"]
    return kind, found["AutoMLJobObjective"]["MetricName"]


def candidates(lab: Lab, name: str) -> list[Json]:
    found: list[Json] = lab.sm.list_candidates_for_auto_ml_job(AutoMLJobName=name)["Candidates"]
    return found


def test_the_best_of_a_regressions_candidates_answers_at_an_endpoint(lab: Lab) -> None:
    ended = train(
        lab,
        "Units",
        REGRESSION + "north,1.0,2021-01-01,\n" * 3,
        "units",
        config={"ProblemType": "Regression"},
        AutoMLJobObjective={"MetricName": "RMSE"},
    )
    assert (ended["AutoMLJobStatus"], ended["AutoMLJobSecondaryStatus"]) == ("Completed", "Completed"), ended
    assert resolved(ended) == ("Regression", "RMSE")
    assert ended["PartialFailureReasons"] == [
        {"PartialFailureMessage": "3 rows have no value of the target attribute and were not used."}
    ]
    found = candidates(lab, "Units")
    errors = [one["FinalAutoMLJobObjectiveMetric"]["Value"] for one in found]
    assert len(set(errors)) == 3
    best = ended["BestCandidate"]
    assert best["FinalAutoMLJobObjectiveMetric"]["Value"] == min(errors)
    assert best["FinalAutoMLJobObjectiveMetric"]["Type"] == "Minimize"
    measured = {
        one["MetricName"]: one["Value"]
        for one in best["CandidateProperties"]["CandidateMetrics"]
        if one["Set"] == "Validation"
    }
    assert measured["R2"] > 0.8
    assert measured["RMSE"] == pytest.approx(measured["MSE"] ** 0.5)

    (container,) = best["InferenceContainers"]
    assert container["Image"] == IMAGE
    lab.sm.create_model(ModelName="best", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    lab.endpoint(lab.config("best"), "units")
    name = f"units-{lab.id}"
    sent = table(40, sold=False, seed=2).partition("\n")[2]
    whole = invoke(lab, name, sent)
    assert len(whole) == 40
    assert max(map(float, whole)) > 2 * min(map(float, whole))
    # A row's prediction does not depend on the rows that are sent with it.
    assert [invoke(lab, name, line + "\n")[0] for line in sent.splitlines()[:9]] == whole[:9]
    with pytest.raises(ClientError, match="line 2, column price: 'n/a' is not a number"):
        invoke(lab, name, "north,1.5,2021-01-01\nnorth,n/a,2021-01-01\n")
    with pytest.raises(ClientError, match="line 1: 2 fields; the model takes 3: shop,price,day"):
        invoke(lab, name, "north,1.5\n")


def invoke(lab: Lab, name: str, body: str) -> list[str]:
    answer = lab.rt.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=body.encode())
    lines: list[str] = answer["Body"].read().decode().splitlines()
    return lines


@pytest.mark.parametrize(
    ("target", "others", "problem", "objective", "names"),
    [
        ("busy", ("units", "size"), "BinaryClassification", "F1", {"F1", "Precision", "Recall", "AUC"}),
        ("size", ("units", "busy"), "MulticlassClassification", "Accuracy", MACRO),
    ],
)  # fmt: skip
def test_classes_are_told_from_the_target_and_measured(
    lab: Lab, target: str, others: tuple[str, str], problem: str, objective: str, names: set[str]
) -> None:
    ended = train(lab, target, columns(table(), *others), target)
    assert ended["AutoMLJobStatus"] == "Completed", ended
    assert resolved(ended) == (problem, objective)
    both = {"Accuracy", "BalancedAccuracy"}
    for one in candidates(lab, target):
        assert {metric["MetricName"] for metric in one["CandidateProperties"]["CandidateMetrics"]} == names | both
    best = ended["BestCandidate"]["FinalAutoMLJobObjectiveMetric"]
    assert best["Value"] == max(one["FinalAutoMLJobObjectiveMetric"]["Value"] for one in candidates(lab, target))
    assert best["Value"] > 0.7


@pytest.mark.parametrize(
    ("name", "text", "target", "reason"),
    [
        ("few", "\n".join(REGRESSION.splitlines()[:400]), "units", "399 rows .* a minimum of 500 rows is required"),
        ("untold", REGRESSION, "sales", "target attribute sales is not in the header .*: shop, price, day, units"),
        ("ragged", REGRESSION + "north,1\n", "units", "record 702: 2 fields; the header has 4"),
        ("alike", "a,b\n" + "1,2\n" * 600, "b", "has the value '2' only"),
    ],
)
def test_data_that_cannot_be_trained_on_fail_the_job(lab: Lab, name: str, text: str, target: str, reason: str) -> None:
    ended = train(lab, name, text, target)
    assert ended["AutoMLJobStatus"] == "Failed"
    assert re.search(reason, ended["FailureReason"]), ended["FailureReason"]


def test_missing_data_fail_the_job_in_the_words_of_sagemaker(lab: Lab) -> None:
    lab.sm.create_auto_ml_job_v2(
        AutoMLJobName="nothing",
        AutoMLJobInputDataConfig=[
            {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{lab.bucket}/nothing/"}}}
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{lab.bucket}/models/"},
        AutoMLProblemTypeConfig={"TabularJobConfig": {"TargetAttributeName": "units"}},
        RoleArn=ROLE,
    )
    ended = eventually(lambda: settled(lab, "nothing"), "the job to end")
    assert ended["FailureReason"].startswith("No S3 objects found under S3 URL")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"config": {"ProblemType": "Regression"}}, "both the type of supervised learning problem"),
        ({"AutoMLJobObjective": {"MetricName": "RMSE"}}, "both the type of supervised learning problem"),
        ({"config": {"Mode": "HYPERPARAMETER_TUNING"}}, "trains in mode ENSEMBLING"),
    ],
)
def test_requests_that_are_wrong_are_refused(lab: Lab, changes: Json, reason: str) -> None:
    with pytest.raises(ClientError, match=f"ValidationException.*{reason}"):
        train(lab, "wrong", REGRESSION, "units", **changes)


def test_a_name_is_taken_whatever_its_capitals(lab: Lab) -> None:
    train(lab, "taken", "a,b\n", "b")
    with pytest.raises(ClientError, match="ResourceInUse"):
        train(lab, "Taken", "a,b\n", "b")


def test_a_stopped_job_stays_stopped_and_leaves_no_process(lab: Lab) -> None:
    location = lab.put(REGRESSION, "stopped/train.csv")
    lab.sm.create_auto_ml_job_v2(
        AutoMLJobName="stopped",
        AutoMLJobInputDataConfig=[{"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": location}}}],
        OutputDataConfig={"S3OutputPath": f"s3://{lab.bucket}/models/"},
        AutoMLProblemTypeConfig={"TabularJobConfig": {"TargetAttributeName": "units"}},
        RoleArn=ROLE,
    )
    records = lab.running.settings.state_dir / "processes"
    eventually(lambda: trainings(records), "a process that trains")
    lab.sm.stop_auto_ml_job(AutoMLJobName="stopped")
    eventually(lambda: not trainings(records), "the process to end")
    assert settled(lab, "stopped")["AutoMLJobStatus"] == "Stopped"  # type: ignore[index]


def trainings(records: Path) -> list[Path]:
    return list(records.glob("training-*.json"))
