"""The stack for training under enforced IAM: people train with one policy, and jobs with one role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tailrace import Trainer
from tailrace_core.errors import AccessDeniedError
from tailrace_local.control.redeployment import TRAINING_STACK, deploy_training_stack
from tailrace_local.control.workspace import Workspace
from tailrace_local.testing import RunningCloud
from tests.integration.access.identities import Person, person

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

DATA = "a,b\n" + "".join(f"{row},{row % 7}\n" for row in range(600))


@pytest.fixture(scope="module")
def outputs(enforcing: RunningCloud) -> Iterator[dict[str, str]]:
    deploy_training_stack(Workspace.here(), enforcing.facts)
    cloudformation = enforcing.client("cloudformation")
    found = cloudformation.describe_stacks(StackName=TRAINING_STACK)["Stacks"][0]["Outputs"]
    yield {each["OutputKey"]: each["OutputValue"] for each in found}
    cloudformation.delete_stack(StackName=TRAINING_STACK)


@pytest.fixture(scope="module")
def people(enforcing: RunningCloud, outputs: dict[str, str]) -> Iterator[dict[str, Person]]:
    with (
        person(enforcing, "trainer", outputs["TrainerPolicy"]) as trainer,
        person(enforcing, "passer-by", enforcing.outputs["ReaderPolicy"]) as reader,
    ):
        yield {"trainer": trainer, "reader": reader}


def trainer_of(someone: Person) -> Trainer:
    return Trainer(session=someone.session, endpoint_url=someone.environment["AWS_ENDPOINT_URL"])


def require_denied(*calls: Callable[[], object]) -> None:
    for call in calls:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "sales.csv"
    path.write_text(DATA)
    return str(path)


def test_the_policy_is_enough_to_train_and_to_look(
    people: dict[str, Person], outputs: dict[str, str], data: str
) -> None:
    with trainer_of(people["trainer"]) as trainer:
        job = trainer.train(data, target="b", tags={"team": "demand"})
        assert trainer.train(data, target="b").name == job.name
        assert job.status().status == "InProgress"
        assert job.leaderboard() == []
        stored = f"s3://{outputs['Bucket']}/training/data/"
        assert trainer.train(stored, target="b", name="from-s3").status().status == "InProgress"
        job.stop()
        assert job.wait().status == "Stopped"


def test_others_do_not_train_and_the_policy_opens_nothing_else(
    enforcing: RunningCloud, people: dict[str, Person], outputs: dict[str, str], data: str
) -> None:
    role, place = outputs["TrainingRole"], f"s3://{outputs['Bucket']}/training/"
    with trainer_of(people["reader"]) as reader, pytest.raises(AccessDeniedError):
        reader.train(data, target="b", role=role, output_path=place)
    with trainer_of(people["trainer"]) as trainer, pytest.raises(AccessDeniedError, match="iam:PassRole"):
        trainer.train(data, target="b", role=f"{role}-other", name="other-role")
    s3 = people["trainer"].client("s3")
    require_denied(
        lambda: s3.put_object(Bucket=outputs["Bucket"], Key="elsewhere.csv", Body=b""),
        lambda: s3.list_objects_v2(Bucket=enforcing.outputs["Bucket"]),
        lambda: people["trainer"].client("sagemaker").list_models(),
    )


def test_the_role_reads_and_writes_its_prefix_alone(enforcing: RunningCloud, outputs: dict[str, str]) -> None:
    assumed = enforcing.client("sts").assume_role(RoleArn=outputs["TrainingRole"], RoleSessionName="SageMaker")
    keys = assumed["Credentials"]
    session = boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=enforcing.region
    )
    s3: Any = session.client("s3", endpoint_url=enforcing.endpoint_url)
    bucket = outputs["Bucket"]
    s3.put_object(Bucket=bucket, Key="training/models/m.tar.gz", Body=b"model")
    assert s3.list_objects_v2(Bucket=bucket, Prefix="training/models/")["KeyCount"] == 1
    assert s3.get_object(Bucket=bucket, Key="training/models/m.tar.gz")["Body"].read() == b"model"
    require_denied(
        lambda: s3.put_object(Bucket=bucket, Key="m.tar.gz", Body=b""),
        lambda: s3.list_objects_v2(Bucket=bucket),
        lambda: s3.get_object(Bucket=enforcing.outputs["Bucket"], Key="v1/jobs/x/manifest.json"),
    )


def test_a_stack_that_may_not_be_seen_is_no_missing_stack(people: dict[str, Person], data: str) -> None:
    with trainer_of(people["reader"]) as reader, pytest.raises(AccessDeniedError):
        reader.train(data, target="b")
