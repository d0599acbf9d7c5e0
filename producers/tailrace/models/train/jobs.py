"""AutoML jobs and their candidates, as SageMaker describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailrace.models.train.options import SMALLER_IS_BETTER

COMPLETED, STOPPED, FAILED = "Completed", "Stopped", "Failed"
_ENDED = frozenset({COMPLETED, STOPPED, FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStatus:
    """How far a job is.

    Attributes:
        status: InProgress, Stopping, Completed, Failed or Stopped.
        secondary: the step, such as AnalyzingData or TrainingModels.
        problem: SageMaker's name of the kind of problem; empty until it is known.
        metric: the objective; empty until it is known.
        best: name of the best candidate; empty until there is one.
        containers: how many containers it takes to serve it; 0 until there is one.
        partial_failures: reasons for which a part of the job failed.
    """

    name: str
    arn: str
    status: str
    secondary: str
    failure: str = ""
    partial_failures: tuple[str, ...] = ()
    problem: str = ""
    metric: str = ""
    best: str = ""
    containers: int = 0

    @property
    def ended(self) -> bool:
        """True if the job has ended, however."""
        return self.status in _ENDED

    @property
    def completed(self) -> bool:
        """True if the job has a model to deploy."""
        return self.status == COMPLETED

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> TrainingStatus:
        """Read an answer of DescribeAutoMLJobV2."""
        asked = answer.get("AutoMLProblemTypeConfig", {}).get("TabularJobConfig", {})
        resolved = answer.get("ResolvedAttributes", {})
        tabular = resolved.get("AutoMLProblemTypeResolvedAttributes", {}).get("TabularResolvedAttributes", {})
        objective = resolved.get("AutoMLJobObjective") or answer.get("AutoMLJobObjective") or {}
        return cls(
            name=answer["AutoMLJobName"],
            arn=answer["AutoMLJobArn"],
            status=answer["AutoMLJobStatus"],
            secondary=answer["AutoMLJobSecondaryStatus"],
            failure=answer.get("FailureReason", ""),
            partial_failures=tuple(
                each["PartialFailureMessage"]
                for each in answer.get("PartialFailureReasons", ())
                if each.get("PartialFailureMessage")
            ),
            problem=tabular.get("ProblemType") or asked.get("ProblemType", ""),
            metric=objective.get("MetricName", ""),
            best=answer.get("BestCandidate", {}).get("CandidateName", ""),
            containers=len(answer.get("BestCandidate", {}).get("InferenceContainers", ())),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that a job has tried.

    Attributes:
        value: the objective; None if the candidate has none.
        validation: metrics of rows held out, by name.
        train: metrics of the rows it was trained on, by name.
        containers: how many containers it takes to serve it.
        model_data: address of the archive of its first container; empty if it has none.
    """

    name: str
    status: str
    metric: str
    value: float | None
    validation: Mapping[str, float]
    train: Mapping[str, float]
    containers: int
    model_data: str

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Candidate:
        """Read an AutoMLCandidate."""
        objective = answer.get("FinalAutoMLJobObjectiveMetric", {})
        metrics = answer.get("CandidateProperties", {}).get("CandidateMetrics", ())
        containers = answer.get("InferenceContainers", ())
        return cls(
            name=answer["CandidateName"],
            status=answer["CandidateStatus"],
            metric=objective.get("StandardMetricName") or objective.get("MetricName", ""),
            value=objective.get("Value"),
            validation=_of_set(metrics, "Validation"),
            train=_of_set(metrics, "Train"),
            containers=len(containers),
            model_data=containers[0].get("ModelDataUrl", "") if containers else "",
        )


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates, the best first; those without an objective last."""

    def key(candidate: Candidate) -> tuple[bool, float]:
        if candidate.value is None:
            return True, 0.0
        return False, candidate.value if candidate.metric in SMALLER_IS_BETTER else -candidate.value

    return sorted(candidates, key=key)


def _of_set(metrics: Sequence[Mapping[str, Any]], which: str) -> dict[str, float]:
    return {
        each.get("StandardMetricName") or each["MetricName"]: each["Value"]
        for each in metrics
        if each.get("Set") == which and "Value" in each and ("MetricName" in each or "StandardMetricName" in each)
    }
