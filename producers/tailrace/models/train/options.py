"""The options of a training, checked before anything is sent. SageMaker's API is their source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tailrace_core.errors import InputError

MIN_ROWS = 500
"""The least rows of training data that CreateAutoMLJob documents."""
MAX_CANDIDATES = 750
MAX_NAME_CHARS = 32
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}")
_ROLE = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:role/.+")
PROBLEMS: Mapping[str, str] = MappingProxyType(
    {"regression": "Regression", "binary": "BinaryClassification", "multiclass": "MulticlassClassification"}
)
"""The kinds of problems by the names of the option, with SageMaker's."""
METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Regression": ("MAE", "MSE", "R2", "RMSE"),
        "BinaryClassification": ("Accuracy", "AUC", "BalancedAccuracy", "F1", "Precision", "Recall"),
        "MulticlassClassification": ("Accuracy", "BalancedAccuracy", "F1macro", "PrecisionMacro", "RecallMacro"),
    }
)
"""The metrics that can be the objective of each kind of problem."""
SMALLER_IS_BETTER = frozenset({"MAE", "MSE", "RMSE", "MAPE", "MASE", "WAPE", "AverageWeightedQuantileLoss"})
MODES: Mapping[str, str] = MappingProxyType(
    {"ensembling": "ENSEMBLING", "hyperparameter-tuning": "HYPERPARAMETER_TUNING", "auto": "AUTO"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """The options of `Trainer.train`.

    Attributes:
        target: the column to predict.
        problem: a key of `PROBLEMS`; None leaves it to SageMaker, with the metric.
        metric: the objective, one of `METRICS`; None leaves it to SageMaker, with the problem.
        candidates: how many models to try, 1 to 750.
        mode: a key of `MODES`. Only candidates of ``ensembling`` are one container, which an
            asynchronous endpoint needs.
        name: the job's name; None makes one of the data's name and a digest, so that the same
            training twice is one job.
        role: ARN of the role of the job; None takes the training stack's.
        output_path: ``s3://`` address under which models are stored; None takes the training
            stack's bucket.
        validation: data to measure candidates with; None holds a part of the training data out.
        max_runtime_s: seconds after which SageMaker ends the job with the candidates that it has.
        tags: tags of the job.

    Raises:
        InputError: an option is wrong; the message says what to write.
    """

    target: str
    problem: str | None = None
    metric: str | None = None
    candidates: int = 3
    mode: str = "ensembling"
    name: str | None = None
    role: str | None = None
    output_path: str | None = None
    validation: str | None = None
    max_runtime_s: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.target.strip():
            raise InputError("no target is named: give the name of the column to predict")
        self._check_objective()
        if self.mode not in MODES:
            raise InputError(f"mode {self.mode!r} is none: write one of {', '.join(MODES)}")
        if not 1 <= self.candidates <= MAX_CANDIDATES:
            raise InputError(f"{self.candidates} candidates: SageMaker tries 1 to {MAX_CANDIDATES}")
        if self.name is not None and not _NAME.fullmatch(self.name):
            raise InputError(
                f"the job's name {self.name!r} is none: at most {MAX_NAME_CHARS} letters, digits and hyphens, and no "
                "hyphen first or last"
            )
        if self.role is not None and not _ROLE.fullmatch(self.role):
            raise InputError(f"the role {self.role!r} is no ARN: write arn:PARTITION:iam::ACCOUNT:role/NAME")
        if self.output_path is not None and not re.fullmatch(r"s3://[^/]+(/.*)?", self.output_path):
            raise InputError(f"the output path {self.output_path!r} is no address: write s3://BUCKET/PREFIX/")
        if self.max_runtime_s is not None and self.max_runtime_s < 1:
            raise InputError("the maximum runtime is less than a second")

    @property
    def problem_type(self) -> str | None:
        """SageMaker's name of the problem."""
        return None if self.problem is None else PROBLEMS[self.problem]

    @property
    def objective(self) -> str | None:
        """SageMaker's name of the metric, in its capitals."""
        return None if self.metric is None else _canonical(self.metric)

    def _check_objective(self) -> None:
        if (self.problem is None) != (self.metric is None):
            raise InputError(
                "give the problem and the metric together, or neither: SageMaker takes both or decides on both"
            )
        if self.problem is None:
            return
        if self.problem not in PROBLEMS:
            raise InputError(f"problem {self.problem!r} is none: write one of {', '.join(PROBLEMS)}")
        known = METRICS[PROBLEMS[self.problem]]
        if self.objective not in known:
            raise InputError(f"{self.metric!r} is no metric of {self.problem}: write one of {', '.join(known)}")


def _canonical(metric: str) -> str:
    names = {name.lower(): name for known in METRICS.values() for name in known}
    return names.get(metric.lower(), metric)
