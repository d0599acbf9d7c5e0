"""Local training with a fake process and a fake clock: steps, time limits, ends that are no result."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tailrace_local.emulator_base.pace import Pace
from tailrace_local.sagemaker.control.auto_ml_jobs import AutoMLJobs
from tailrace_local.sagemaker.control.registry import Tags
from tailrace_local.sagemaker.control.training import ANALYZING_S, REPORTING_S, STARTING_S, LocalTraining
from tailrace_local.sagemaker.control.training_files import TrainingFiles
from tailrace_local.sagemaker.locations import Arns
from tests.unit.local.sagemaker.fakes import FakeClock, FakeStore

ROLE = "arn:aws:iam::123456789012:role/training"
RESULT = {
    "problem": "Regression",
    "metric": "RMSE",
    "dropped_rows": 0,
    "candidates": [
        {
            "name": "trees-1",
            "archive": "trees-1/model.tar.gz",
            "began": 1.0,
            "ended": 2.0,
            "train": {"RMSE": 1.0},
            "validation": {"RMSE": 2.0},
        }
    ],
}


@dataclass
class FakeTraining:
    """A process that lives for some polls; what it has written, by name."""

    polls: float
    written: Mapping[str, Any]
    stopped: bool = False

    def alive(self) -> bool:
        self.polls -= 1
        return self.polls > 0

    def read(self, name: str) -> dict[str, Any] | None:
        return self.written.get(name)

    def explain(self) -> str:
        return "the training ended with status 9"

    def stop(self) -> None:
        self.stopped = True


@dataclass
class FakeLauncher:
    training: FakeTraining
    jobs: list[dict[str, Any]] = field(default_factory=list)

    def start(self, name: str, job: Mapping[str, Any], folder: Path) -> FakeTraining:
        self.jobs.append({"name": name, **job})
        for found in self.training.written.get("result", {}).get("candidates", ()):
            (folder / found["archive"]).parent.mkdir(parents=True)
            (folder / found["archive"]).write_bytes(b"archive")
        return self.training


class Bench:
    """Jobs that a fake process trains, and each status that they go through with its time."""

    def __init__(self, folder: Path, training: FakeTraining, scale: float = 1.0) -> None:
        self.clock, self.store = FakeClock(), FakeStore({"s3://b/train.csv": b"a,b\n1,2\n"})
        self.folder = folder
        self.launcher = FakeLauncher(training)
        arns = Arns("eu-west-1", "123456789012")
        self.jobs = AutoMLJobs(arns, Tags(), self.clock)
        self.trainer = LocalTraining(
            self.jobs,
            TrainingFiles(self.store, folder, "eu-west-1"),
            self.launcher,
            image="image",
            arns=arns,
            clock=self.clock,
            pace=Pace(scale),
            folder=folder / "training",
        )
        self.jobs.train_with(self.trainer)

    async def train(self, **criteria: int) -> list[tuple[str, float]]:
        """Create a job; return its steps with the seconds at which each was seen first."""
        began = self.clock.now
        await self.jobs.operations()["CreateAutoMLJobV2"](
            {
                "AutoMLJobName": "sales",
                "AutoMLJobInputDataConfig": [
                    {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train"}}}
                ],
                "OutputDataConfig": {"S3OutputPath": "s3://b/models/"},
                "AutoMLProblemTypeConfig": {
                    "TabularJobConfig": {"TargetAttributeName": "b", "CompletionCriteria": criteria}
                },
                "RoleArn": ROLE,
            }
        )
        seen: list[tuple[str, float]] = []
        while True:
            found = self.jobs.find("sales") or {}
            if found["AutoMLJobSecondaryStatus"] not in {step for step, _ in seen}:
                seen.append((found["AutoMLJobSecondaryStatus"], self.clock.now - began))
            if found["AutoMLJobStatus"] != "InProgress":
                return seen
            await asyncio.sleep(0.001)  # files are written in threads


def described(bench: Bench) -> dict[str, Any]:
    return bench.jobs.find("sales") or {}


def train(bench: Bench, **criteria: int) -> list[tuple[str, float]]:
    return asyncio.run(bench.train(**criteria))


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_each_step_takes_its_time_by_the_scale(tmp_path: Path, scale: float) -> None:
    bench = Bench(tmp_path, FakeTraining(5, {"analyzed": {}, "result": RESULT}), scale)
    train(bench, MaxCandidates=7)
    whole = bench.clock.now - 1000.0
    assert whole == pytest.approx((STARTING_S + ANALYZING_S + REPORTING_S) * scale, abs=0.5)
    assert described(bench)["AutoMLJobStatus"] == "Completed"
    assert described(bench)["AutoMLJobSecondaryStatus"] == "Completed"
    assert bench.launcher.jobs[0]["candidates"] == 7
    assert bench.launcher.training.stopped


def test_a_model_goes_below_the_output_path_as_the_jobs_role_and_the_files_here_are_removed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeTraining(1, {"result": RESULT}))
    train(bench)
    address = "s3://b/models/sales/sagemaker-automl-candidates/trees-1/model.tar.gz"
    assert bench.store.objects[address] == b"archive"
    assert bench.store.roles == {ROLE}
    (container,) = described(bench)["BestCandidate"]["InferenceContainers"]
    assert (container["Image"], container["ModelDataUrl"]) == ("image", address)
    assert not (tmp_path / "training" / "sales").exists()


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ({}, "The training failed: the training ended with status 9"),
        ({"result": {"failure": "The data are odd."}}, "The data are odd."),
    ],
)
def test_an_end_without_a_model_fails_the_job_with_its_reason(
    tmp_path: Path, written: dict[str, Any], reason: str
) -> None:
    bench = Bench(tmp_path, FakeTraining(1, written))
    train(bench)
    assert described(bench)["AutoMLJobStatus"] == "Failed"
    assert reason in described(bench)["FailureReason"]


def test_a_job_that_takes_too_long_is_stopped_with_its_process(tmp_path: Path) -> None:
    training = FakeTraining(float("inf"), {"analyzed": {}})
    bench = Bench(tmp_path, training)
    train(bench, MaxAutoMLJobRuntimeInSeconds=60)
    assert described(bench)["AutoMLJobStatus"] == "Stopped"
    assert described(bench)["AutoMLJobSecondaryStatus"] == "MaxAutoMLJobRuntimeReached"
    assert bench.clock.now - 1000.0 == pytest.approx(60, abs=1)
    assert training.stopped


def test_missing_data_start_no_process(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeTraining(1, {}))
    bench.store.objects.clear()
    train(bench)
    assert described(bench)["FailureReason"].startswith('No S3 objects found under S3 URL "s3://b/train"')
    assert bench.launcher.jobs == []
