"""Trains the candidates of a job, and measures each on rows that it has not seen."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from tailrace_local.demo.automl import datasets, estimators, metrics
from tailrace_local.demo.automl.model import TabularModel
from tailrace_local.demo.automl.objectives import SMALLER_IS_BETTER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from tailrace_local.demo.automl.datasets import Dataset, Job, Problem, Split


def run(
    job: Job, data: Dataset, output: Path, say: Callable[[Any], None], clock: Callable[[], float] = time.time
) -> None:
    """Train a job's candidates into `output`, best first in the report `result.json`.

    `say` gets each candidate once it is measured.

    Raises:
        DataError: the validation data differ from the training data.
    """
    problem, split = data.problem, datasets.split(job, data)
    found = []
    for at in range(job.candidates):
        found.append(_candidate(job, problem, split, output, at, clock))
        say(found[-1])
    found.sort(key=lambda one: one["validation"][problem.metric], reverse=problem.metric not in SMALLER_IS_BETTER)
    result = {"problem": problem.kind, "metric": problem.metric, "dropped_rows": data.dropped, "candidates": found}
    (output / "result.json").write_text(json.dumps(result))


def _candidate(
    job: Job, problem: Problem, split: Split, output: Path, at: int, clock: Callable[[], float]
) -> dict[str, Any]:
    kind, settings = estimators.draw(at, job.seed)
    began = clock()
    estimator = estimators.build(kind, settings, classifies=bool(problem.classes), seed=job.seed)
    estimator.fit(*split.train)
    model = TabularModel(split.columns, problem.classes, estimator)
    name = f"{kind.replace(' ', '-')}-{at + 1}"
    facts = {"kind": kind, "settings": settings, "problem": problem.kind, "target": job.target}
    model.save(output / name / "model.tar.gz", facts)
    return {
        "name": name,
        "archive": f"{name}/model.tar.gz",
        "began": began,
        "ended": clock(),
        "train": _measure(problem, model, *split.train),
        "validation": _measure(problem, model, *split.held),
    }


def _measure(
    problem: Problem, model: TabularModel, matrix: NDArray[np.float64], known: NDArray[np.float64]
) -> dict[str, float]:
    if problem.classes:
        return metrics.classification(known.astype(np.int64), model.shares(matrix), problem.classes)
    return metrics.regression(known, model.numbers(matrix))
