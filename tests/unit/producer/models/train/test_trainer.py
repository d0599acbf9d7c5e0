"""Trainings: one job for the same training, requests as SageMaker takes them, and waits with an end."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tailrace.models.train.options import TrainingOptions
from tailrace.models.train.steps import DEFAULT_STACK
from tailrace.models.train.trainer import Trainer, TrainingJob
from tailrace_core.errors import (
    AccessDeniedError,
    ConfigurationError,
    InputError,
    PermanentError,
    TimedOutError,
    TransientError,
)
from tests.unit.producer.models.train.account import BUCKET, ROLE, AutoMLAccount, candidate, refusal

DATA = "a,b\n" + "".join(f"{row},{row % 7}\n" for row in range(600))
IN_PROGRESS = {"AutoMLJobStatus": "InProgress", "AutoMLJobSecondaryStatus": "TrainingModels"}


class Clock:
    """Monotonic seconds that pass by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def account() -> AutoMLAccount:
    return AutoMLAccount()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trainer(account: AutoMLAccount, clock: Clock) -> Trainer:
    return Trainer(connection=account, clock=clock, sleep=clock.sleep)


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "Sales of May.csv"
    path.write_text(DATA)
    return str(path)


# ── what is sent


def test_a_file_is_stored_and_trained_on_in_one_container_by_default(
    trainer: Trainer, account: AutoMLAccount, data: str
) -> None:
    told: list[str] = []
    job = trainer.train(data, target="b", say=told.append)
    request = account.made()
    ((bucket, key),) = account.objects
    assert account.objects[bucket, key] == DATA.encode()
    assert bucket == BUCKET
    assert key.startswith("training/data/")
    assert key.endswith("/Sales of May.csv")
    assert request["AutoMLJobInputDataConfig"] == [
        {
            "ChannelType": "training",
            "ContentType": "text/csv;header=present",
            "CompressionType": "None",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{key}"}},
        }
    ]
    assert request["AutoMLProblemTypeConfig"] == {
        "TabularJobConfig": {
            "TargetAttributeName": "b",
            "Mode": "ENSEMBLING",
            "CompletionCriteria": {"MaxCandidates": 3},
        }
    }
    assert (request["RoleArn"], request["OutputDataConfig"]) == (
        ROLE,
        {"S3OutputPath": f"s3://{BUCKET}/training/models/"},
    )
    assert "AutoMLJobObjective" not in request
    assert job.name.startswith("sales-of-may-")
    assert job.name == job.name.lower()
    assert told[0].endswith("600 rows, 2 columns")


def test_all_options_reach_the_request(trainer: Trainer, account: AutoMLAccount, data: str, tmp_path: Path) -> None:
    held = tmp_path / "held.csv.gz"
    held.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    trainer.train(
        data,
        target="b",
        problem="regression",
        metric="rmse",
        candidates=750,
        mode="hyperparameter-tuning",
        name="Sales",
        validation=str(held),
        max_runtime_s=3600,
        tags={"team": "demand"},
    )
    request = account.made()
    assert request["AutoMLJobName"] == "Sales"
    assert request["AutoMLJobObjective"] == {"MetricName": "RMSE"}
    assert request["AutoMLProblemTypeConfig"]["TabularJobConfig"] == {
        "TargetAttributeName": "b",
        "Mode": "HYPERPARAMETER_TUNING",
        "ProblemType": "Regression",
        "CompletionCriteria": {"MaxCandidates": 750, "MaxAutoMLJobRuntimeInSeconds": 3600},
    }
    _, validation = request["AutoMLJobInputDataConfig"]
    assert (validation["ChannelType"], validation["CompressionType"]) == ("validation", "Gzip")
    assert request["Tags"] == [{"Key": "team", "Value": "demand"}]


def test_no_stack_is_looked_up_where_role_and_place_are_given(
    trainer: Trainer, account: AutoMLAccount, data: str
) -> None:
    account.stacks.clear()
    trainer.train(data, target="b", role=ROLE, output_path="s3://lake/models/")
    assert "describe_stacks" not in account.operations()
    ((bucket, key),) = account.objects
    assert (bucket, key.partition("/training/")[0]) == ("lake", "models")


def test_a_missing_stack_is_answered_with_the_command_that_makes_it(
    trainer: Trainer, account: AutoMLAccount, data: str
) -> None:
    account.stacks.clear()
    with pytest.raises(InputError, match=r"aws cloudformation deploy --template-file infra/training\.yaml"):
        trainer.train(data, target="b")
    assert account.operations() == ["describe_stacks"]


def test_a_stack_of_another_template_is_refused(trainer: Trainer, account: AutoMLAccount, data: str) -> None:
    account.stacks[DEFAULT_STACK] = {"Bucket": "b"}
    with pytest.raises(InputError, match="no outputs Bucket and TrainingRole"):
        trainer.train(data, target="b")


def test_wrong_data_send_nothing(trainer: Trainer, account: AutoMLAccount, data: str) -> None:
    with pytest.raises(InputError, match="has no column 'c'"):
        trainer.train(data, target="c")
    with pytest.raises(InputError, match="there is no file"):
        trainer.train("nowhere.csv", target="c")
    assert account.calls == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": " "}, "no target is named"),
        ({"problem": "regression"}, "together, or neither"),
        ({"metric": "RMSE"}, "together, or neither"),
        ({"problem": "sums", "metric": "RMSE"}, "write one of regression, binary, multiclass"),
        ({"problem": "binary", "metric": "RMSE"}, "'RMSE' is no metric of binary: write one of Accuracy, AUC"),
        ({"candidates": 0}, "SageMaker tries 1 to 750"),
        ({"candidates": 751}, "SageMaker tries 1 to 750"),
        ({"mode": "fast"}, "write one of ensembling"),
        ({"name": "a" * 33}, "at most 32 letters"),
        ({"name": "-a"}, "no hyphen first or last"),
        ({"name": "a_b"}, "at most 32 letters"),
        ({"role": "trainer"}, "write arn:PARTITION:iam::ACCOUNT:role/NAME"),
        ({"output_path": "models/"}, "write s3://BUCKET/PREFIX/"),
        ({"max_runtime_s": 0}, "less than a second"),
    ],
)
def test_options_that_sagemaker_refuses_are_refused_before(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainingOptions(**{"target": "b", **options})


# ── data in S3


def test_objects_in_s3_are_trained_on_where_they_are(trainer: Trainer, account: AutoMLAccount) -> None:
    account.objects["lake", "sales/1.csv"] = DATA.encode()
    account.objects["lake", "sales/2.csv"] = b"a,b\n1,2\n"
    job = trainer.train("s3://lake/sales/", target="b")
    assert "put_object" not in account.operations()
    channel = account.made()["AutoMLJobInputDataConfig"][0]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == "s3://lake/sales/"
    assert job.name.startswith("sales-")
    account.objects["lake", "sales/2.csv"] = b"a,b\n1,3\n"
    assert trainer.train("s3://lake/sales/", target="b").name != job.name


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ({}, "no object with bytes under s3://lake/sales/"),
        ({"sales/1.csv": b""}, "no object with bytes"),
        ({"sales/1.csv": b"a,b\n1,2\n", "sales/2.parquet": b"x"}, "several formats"),
        ({"sales/1.csv": b"x,y\n1,2\n"}, "s3://lake/sales/1.csv has no column 'b'"),
        ({"sales/1.csv": b"a,b\n1,2\n"}, "has 1 rows"),
        ({"sales/1.csv.gz": gzip.compress(b"a,b\n1,2\n")}, "has 1 rows"),
        ({"sales/1.csv.gz": b"a,b\n1,2\n"}, "no gzip"),
    ],
)
def test_wrong_objects_start_no_job(
    trainer: Trainer, account: AutoMLAccount, objects: dict[str, bytes], message: str
) -> None:
    account.objects.update({("lake", key): body for key, body in objects.items()})
    with pytest.raises(InputError, match=message):
        trainer.train("s3://lake/sales/", target="b")
    assert not account.jobs


def test_a_large_object_is_looked_at_in_its_first_megabyte(trainer: Trainer, account: AutoMLAccount) -> None:
    account.objects["lake", "big.csv"] = b"a,b\n" + b"1,2\n" * 400_000
    account.objects["lake", "packed.csv.gz"] = gzip.compress(b"a,b\n" + b"1,2\n" * 400_000)
    trainer.train("s3://lake/big.csv", target="b", name="plain")
    trainer.train("s3://lake/packed.csv.gz", target="b", name="packed")
    ranges = [call.params.get("Range") for call in account.calls if call.operation == "get_object"]
    assert ranges == ["bytes=0-1048575", None]


def test_objects_that_only_the_role_may_read_are_not_looked_at(trainer: Trainer, account: AutoMLAccount) -> None:
    account.objects["lake", "sales.csv"] = b"x\n"
    account.errors["get_object"] = AccessDeniedError("s3.get_object: AccessDenied: no")
    assert trainer.train("s3://lake/sales.csv", target="b").name in account.jobs


# ── again, and refusals


def test_the_same_training_twice_is_one_job_and_one_upload(trainer: Trainer, account: AutoMLAccount, data: str) -> None:
    told: list[str] = []
    first = trainer.train(data, target="b")
    second = trainer.train(data, target="b", say=told.append)
    assert first.name == second.name
    assert account.operations().count("put_object") == 1
    assert told[-1] == f"the AutoML job {first.name} was started before; name another with --name"
    assert trainer.train(data, target="b", tags={"run": "7"}).name == first.name
    assert trainer.train(data, target="a").name != first.name


def test_a_taken_name_of_another_training_is_refused(trainer: Trainer, account: AutoMLAccount, data: str) -> None:
    trainer.train(data, target="b", name="sales")
    trainer.train(data, target="b", name="sales")
    with pytest.raises(InputError, match=r"'sales' with other data or options .* choose another with --name"):
        trainer.train(data, target="a", name="sales")
    with pytest.raises(InputError, match=r"'SALES' is taken by .* other capitals: choose another with --name"):
        trainer.train(data, target="b", name="SALES")
    assert len(account.jobs) == 1


@pytest.mark.parametrize(
    ("code", "message", "kind", "advice"),
    [
        ("ResourceLimitExceeded", "The account-level service limit", PermanentError, "raise the quota"),
        ("AccessDeniedException", "User is not authorized", AccessDeniedError, "policy TrainerPolicy"),
        (
            "ValidationException",
            "Could not assume role arn:x",
            ConfigurationError,
            "must allow sagemaker.amazonaws.com",
        ),
        ("ValidationException", "Something else", PermanentError, "Something else"),
    ],
)
def test_refusals_say_what_to_do(
    trainer: Trainer, account: AutoMLAccount, data: str, code: str, message: str, kind: type[Exception], advice: str
) -> None:
    account.errors["create_auto_ml_job_v2"] = refusal("sagemaker.create_auto_ml_job_v2", code, message)
    with pytest.raises(kind, match=advice):
        trainer.train(data, target="b")


# ── waiting


def started(trainer: Trainer, data: str) -> TrainingJob:
    return trainer.train(data, target="b", name="sales")


def test_a_wait_ends_with_the_job_and_tells_each_look(trainer: Trainer, account: AutoMLAccount, data: str) -> None:
    job = started(trainer, data)
    failed = {"AutoMLJobStatus": "Failed", "FailureReason": "no"}
    account.steps = [IN_PROGRESS, {**IN_PROGRESS, "PartialFailureReasons": [{"PartialFailureMessage": "some"}]}, failed]
    seen: list[Any] = []
    ended = job.wait(on_status=seen.append)
    assert (ended.status, ended.failure, ended.ended, ended.completed) == ("Failed", "no", True, False)
    assert [each.partial_failures for each in seen] == [(), ("some",), ()]


def test_polls_come_after_a_second_first_15_seconds_after_a_minute_and_a_minute_in_the_end(
    trainer: Trainer, account: AutoMLAccount, clock: Clock, data: str
) -> None:
    job = started(trainer, data)
    account.steps = [IN_PROGRESS]
    with pytest.raises(TimedOutError, match=r"sales is InProgress \(TrainingModels\) after 3600 s; it goes on"):
        job.wait(3600)
    at, delays = 0.0, {}
    for delay in clock.slept:
        delays[at] = delay
        at += delay
    assert at == 3600
    assert clock.slept[0] == 1
    assert all(15 <= delay <= 19 for moment, delay in delays.items() if 60 <= moment <= 76)
    assert {delay for moment, delay in delays.items() if 240 <= moment < 3500} == {60}
    assert len(clock.slept) < 85


def test_a_connection_that_fails_for_a_moment_does_not_end_the_wait(
    trainer: Trainer, account: AutoMLAccount, data: str
) -> None:
    job = started(trainer, data)
    account.steps = [TransientError("no answer"), IN_PROGRESS, *[TransientError("no answer")] * 10]
    account.steps.append({"AutoMLJobStatus": "Completed"})
    assert job.wait().completed
    account.steps = [TransientError("no answer")]
    with pytest.raises(TransientError):
        job.wait()


def test_a_stopped_job_has_ended_and_is_not_completed(trainer: Trainer, account: AutoMLAccount, data: str) -> None:
    job = started(trainer, data)
    account.steps = [IN_PROGRESS]
    job.stop()
    assert (job.wait().status, job.wait().completed) == ("Stopped", False)


# ── candidates


def test_candidates_come_page_by_page_and_the_best_first(trainer: Trainer, account: AutoMLAccount, data: str) -> None:
    job = started(trainer, data)
    account.page = 2
    account.candidates = [
        candidate("c", 3.0),
        candidate("none", None),
        candidate("a", 1.0, R2=0.9),
        candidate("b", 2.0),
    ]
    found = job.leaderboard()
    assert [each.name for each in found] == ["a", "b", "c", "none"]
    assert (found[0].validation, found[0].containers, found[0].model_data) == ({"R2": 0.9}, 1, "s3://models/a.tar.gz")
    account.candidates = [candidate("low", 0.1, "F1"), candidate("high", 0.9, "F1")]
    assert [each.name for each in job.leaderboard()] == ["high", "low"]


def test_an_unknown_job_is_named(trainer: Trainer) -> None:
    for look in (trainer.job("nope").status, trainer.job("nope").leaderboard):
        with pytest.raises(InputError, match="no AutoML job 'nope'"):
            look()


def test_the_deploy_command_names_the_job_and_its_arn_where_it_has_capitals(
    trainer: Trainer, account: AutoMLAccount, data: str
) -> None:
    job = started(trainer, data)
    assert (
        job.deploy_command("demand")
        == "sam build && sam deploy --stack-name demand --parameter-overrides AutoMLJobName=sales"
    )
    assert job.deploy_command(local=True) == "tailrace local deploy --parameter AutoMLJobName=sales"
    account.jobs["Sales2"] = account.jobs.pop("sales")
    assert (
        trainer.job("Sales2")
        .deploy_command()
        .endswith("AutoMLJobName=Sales2 AutoMLJobArn=arn:aws:sagemaker:eu-west-1:123456789012:automl-job/sales2")
    )


def test_a_pipeline_of_containers_is_deployed_behind_a_real_time_endpoint(
    trainer: Trainer, account: AutoMLAccount, data: str
) -> None:
    best = candidate("best", 1.0)
    best["InferenceContainers"] *= 2
    account.steps = [{"AutoMLJobStatus": "Completed", "BestCandidate": best}]
    job = started(trainer, data)
    assert job.deploy_command().endswith("AutoMLJobName=sales EndpointKind=realtime")
    assert job.deploy_command(local=True) == (
        "tailrace local deploy --parameter AutoMLJobName=sales --parameter EndpointKind=realtime"
    )


def test_a_trainer_closes_its_connection(account: AutoMLAccount) -> None:
    with Trainer(connection=account):
        pass
    assert account.closed
