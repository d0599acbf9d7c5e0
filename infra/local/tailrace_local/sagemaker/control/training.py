"""Trains the AutoML jobs that are created, in processes of their own; publishes what they find.

The emulator without a trainer leaves a job InProgress until its result is set from outside.
"""

import asyncio
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tailrace_local.emulator_base.pace import Pace
from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.control.auto_ml_jobs import AutoMLJobs
from tailrace_local.sagemaker.control.training_files import TrainingFiles
from tailrace_local.sagemaker.errors import EmulatorError, StartError, validation
from tailrace_local.sagemaker.locations import Arns
from tailrace_local.sagemaker.ports import Training, TrainingLauncher

STARTING_S, ANALYZING_S, REPORTING_S = 10.0, 20.0, 10.0
"""Seconds that these steps of a job take at least, before the time scale. AWS takes minutes."""
_MAX_RUNTIME_S = 3600
_POLL_S = 0.05
_REASON_CHARS = 1024
_CSV = "text/csv;header=present"
_STEP = "AutoMLJobSecondaryStatus"
_SMALLER_IS_BETTER = frozenset({"MSE", "RMSE", "MAE"})
# Those of a candidate in mode ENSEMBLING on AWS.
_ENVIRONMENT = {
    "MAX_CONTENT_LENGTH": "20971520",
    "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
    "SAGEMAKER_INFERENCE_OUTPUT": "predicted_label",
    "SAGEMAKER_INFERENCE_SUPPORTED": "predicted_label",
}
_log = logging.getLogger(__name__)


class LocalTraining:
    """Trains jobs, a task for each. Durations follow `pace`."""

    def __init__(
        self,
        jobs: AutoMLJobs,
        files: TrainingFiles,
        launcher: TrainingLauncher,
        *,
        image: str,
        arns: Arns,
        clock: Clock,
        pace: Pace,
        folder: Path,
    ) -> None:
        self._jobs = jobs
        self._files = files
        self._launcher = launcher
        self._image = image
        self._arns = arns
        self._clock = clock
        self._pace = pace
        self._folder = folder
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def check(self, described: Mapping[str, Any]) -> None:
        """Refuse what the local cloud cannot train. Raises ApiError."""
        config = described["AutoMLProblemTypeConfig"].get("TabularJobConfig")
        if config is None:
            raise validation("The local cloud trains on tables only: give a TabularJobConfig.")
        if config.get("Mode") == "HYPERPARAMETER_TUNING":
            raise validation(
                "The local cloud trains in mode ENSEMBLING, whose candidates are one container; candidates of "
                "HYPERPARAMETER_TUNING are a serial pipeline."
            )
        for channel in described["AutoMLJobInputDataConfig"]:
            given = channel.get("ContentType", _CSV)
            if given.replace(" ", "") != _CSV:
                raise validation(f"The local cloud trains on {_CSV}, and not on {given}.")
            if channel["DataSource"]["S3DataSource"]["S3DataType"] != "S3Prefix":
                raise validation("The local cloud reads training data by S3Prefix only.")

    def start(self, name: str) -> None:
        """Begin to train a job that exists."""
        task = asyncio.get_running_loop().create_task(self._run(name), name=f"train {name}")
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    def stop(self, name: str) -> None:
        """Stop training a job, if it is trained."""
        if task := self._tasks.get(name):
            task.cancel()

    async def close(self) -> None:
        """Stop all trainings."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, name: str) -> None:
        try:
            await self._train(name, self._jobs.find(name) or {})
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - any error becomes the job's FailureReason
            if not isinstance(error, EmulatorError):
                _log.exception("%s: the training failed", name)
            reason = (str(error) or type(error).__name__)[:_REASON_CHARS]
            self._jobs.update(name, {"AutoMLJobStatus": "Failed", "FailureReason": reason})

    async def _train(self, name: str, described: Mapping[str, Any]) -> None:
        began = self._clock.time()
        folder = self._folder / name
        role = described["RoleArn"]
        config = described["AutoMLProblemTypeConfig"]["TabularJobConfig"]
        criteria = config.get("CompletionCriteria", {})
        limit_s = criteria.get("MaxAutoMLJobRuntimeInSeconds", _MAX_RUNTIME_S)
        job = {
            "target": config["TargetAttributeName"],
            "problem": config.get("ProblemType", ""),
            "metric": described.get("AutoMLJobObjective", {}).get("MetricName", ""),
            "candidates": criteria.get("MaxCandidates", 3),
            "validation_share": described.get("DataSplitConfig", {}).get("ValidationFraction", 0.2),
        }
        try:
            await self._clock.sleep(self._pace.seconds(STARTING_S))
            self._jobs.update(name, {_STEP: "AnalyzingData"})
            files = await self._fetch(described, folder)
            training = self._launcher.start(name, {**job, **files}, folder)
            try:
                result = await self._follow(name, training, began + limit_s)
            finally:
                training.stop()
            if result is not None:
                await self._publish(name, role, described["OutputDataConfig"], result, folder)
        finally:
            # Not in a thread: whoever sees the job's end, or cancels the task, finds no files.
            shutil.rmtree(folder, ignore_errors=True)

    async def _fetch(self, described: Mapping[str, Any], folder: Path) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for channel in described["AutoMLJobInputDataConfig"]:
            kind = channel.get("ChannelType", "training")
            suffix = ".gz" if channel.get("CompressionType") == "Gzip" else ""
            location = channel["DataSource"]["S3DataSource"]["S3Uri"]
            paths = await self._files.fetch(described["RoleArn"], location, folder / kind, suffix)
            found[kind] = [str(path) for path in paths]
        return found

    async def _follow(self, name: str, training: Training, deadline: float) -> dict[str, Any] | None:
        """Return the result once there is one; None if the job ran too long."""
        analyzed = self._clock.time() + self._pace.seconds(ANALYZING_S)
        stepped = False
        while training.alive():
            if self._clock.time() > deadline:
                self._jobs.update(name, {"AutoMLJobStatus": "Stopped", _STEP: "MaxAutoMLJobRuntimeReached"})
                return None
            if not stepped and self._clock.time() >= analyzed and training.read("analyzed"):
                stepped = True
                self._jobs.update(name, {_STEP: "TrainingModels"})
            await self._clock.sleep(_POLL_S)
        await self._clock.sleep(max(0.0, analyzed - self._clock.time()))
        result = training.read("result")
        if result is None:
            raise StartError(f"The training failed: {training.explain()}")
        if "failure" in result:
            raise StartError(result["failure"])
        if not stepped:
            self._jobs.update(name, {_STEP: "TrainingModels"})
        return result

    async def _publish(
        self, name: str, role: str, output: Mapping[str, Any], result: Mapping[str, Any], folder: Path
    ) -> None:
        prefix = f"{output['S3OutputPath'].rstrip('/')}/{name}/sagemaker-automl-candidates"
        candidates = []
        for found in result["candidates"]:
            location = f"{prefix}/{found['archive']}"
            await self._files.store(role, folder / found["archive"], location, output.get("KmsKeyId"))
            candidates.append(self._candidate(name, found, result["metric"], location))
        dropped = result["dropped_rows"]
        partly = f"{dropped} rows have no value of the target attribute and were not used."
        self._jobs.update(
            name,
            {
                _STEP: "GeneratingModelInsightsReport",
                "Candidates": candidates,
                "BestCandidate": candidates[0],
                "ResolvedAttributes": {
                    "AutoMLJobObjective": {"MetricName": result["metric"]},
                    "AutoMLProblemTypeResolvedAttributes": {
                        "TabularResolvedAttributes": {"ProblemType": result["problem"]}
                    },
                },
                **({"PartialFailureReasons": [{"PartialFailureMessage": partly}]} if dropped else {}),
            },
        )
        await self._clock.sleep(self._pace.seconds(REPORTING_S))
        self._jobs.update(name, {"AutoMLJobStatus": "Completed"})

    def _candidate(self, job: str, found: Mapping[str, Any], metric: str, location: str) -> dict[str, Any]:
        step = f"{job}-{found['name']}"[:63]
        values = [
            {"MetricName": named, "StandardMetricName": named, "Value": value, "Set": which.title()}
            for which in ("train", "validation")
            for named, value in found[which].items()
        ]
        return {
            "CandidateName": found["name"],
            "FinalAutoMLJobObjectiveMetric": {
                "Type": "Minimize" if metric in _SMALLER_IS_BETTER else "Maximize",
                "MetricName": metric,
                "StandardMetricName": metric,
                "Value": found["validation"][metric],
            },
            "CandidateSteps": [
                {
                    "CandidateStepType": "AWS::SageMaker::TrainingJob",
                    "CandidateStepArn": self._arns.of("training-job", step),
                    "CandidateStepName": step,
                }
            ],
            "InferenceContainers": [
                {"Image": self._image, "ModelDataUrl": location, "Environment": dict(_ENVIRONMENT)}
            ],
            "CandidateProperties": {"CandidateMetrics": values},
            "CreationTime": found["began"],
            "EndTime": found["ended"],
            "LastModifiedTime": found["ended"],
        }
