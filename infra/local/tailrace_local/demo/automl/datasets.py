"""The data of a job: read, checked, and split into rows to train on and rows held out."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tailrace_local.demo.automl import features, tables
from tailrace_local.demo.automl.objectives import BINARY, DEFAULTS, MULTICLASS, REGRESSION, names_for
from tailrace_local.demo.automl.tables import DataError, Table

MIN_ROWS = 500
_MOST_CLASSES = 20
_VALIDATION_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job: files of its channels, target, and options; an empty text leaves them to the data.

    `validation_share` of the training rows is held out where there is no validation channel.
    """

    training: list[str]
    target: str
    validation: list[str] = field(default_factory=list)
    problem: str = ""
    metric: str = ""
    candidates: int = 3
    validation_share: float = _VALIDATION_SHARE
    seed: int = 0

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read the JSON object that the emulator wrote."""
        return cls(**json.loads(path.read_text()))


@dataclass(frozen=True)
class Problem:
    """The kind of problem, the names of its classes (none of a regression), and its objective."""

    kind: str
    classes: list[str]
    metric: str

    def encoded(self, cells: tuple[str, ...]) -> NDArray[np.float64]:
        """Return the target: itself, or the number of its class, -1 for an unknown one."""
        if not self.classes:
            return tables.numbers(cells, tables.NUMBER)
        place = {name: at for at, name in enumerate(self.classes)}
        return np.array([place.get(cell.strip(), -1) for cell in cells], dtype=np.float64)

    def means(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the numbers whose means texts are replaced by, rows x means."""
        if len(self.classes) <= 2:  # noqa: PLR2004  the mean of 0 and 1 is the share of the second
            return target[:, np.newaxis]
        shares: NDArray[np.float64] = (target[:, np.newaxis] == np.arange(len(self.classes))).astype(np.float64)
        return shares


@dataclass(frozen=True)
class Split:
    """The rows to train on and those held out; features, then target."""

    columns: list[features.Column]
    train: tuple[NDArray[np.float64], NDArray[np.float64]]
    held: tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Dataset:
    """A job's rows that have a target, the number of those that have none, and the problem."""

    table: Table
    dropped: int
    problem: Problem


def load(job: Job) -> Dataset:
    """Read a job's training data.

    Raises:
        DataError: they cannot be trained on.
    """
    table, dropped = _with_target(tables.read(map(Path, job.training)), job.target)
    if len(table) < MIN_ROWS:
        raise DataError(
            f"The training dataset has {len(table)} rows with a value of the target attribute {job.target}; "
            f"a minimum of {MIN_ROWS} rows is required."
        )
    return Dataset(table, dropped, resolve(job, table.column(job.target)))


def resolve(job: Job, cells: tuple[str, ...]) -> Problem:
    """Return the kind of problem, asked for or read from the target, and its objective.

    Raises:
        DataError: the target does not suit the problem, or has one value only.
    """
    classes = sorted({cell.strip() for cell in cells})
    numeric = tables.kind_of(cells) == tables.NUMBER
    few = len(classes) <= _MOST_CLASSES and (not numeric or all(cell.lstrip("-").isdigit() for cell in classes))
    kind = job.problem
    if not kind:
        kind = BINARY if len(classes) == 2 else MULTICLASS if few or not numeric else REGRESSION  # noqa: PLR2004
    if len(classes) < 2:  # noqa: PLR2004
        raise DataError(f"The target attribute {job.target} has the value {classes[0]!r} only; it needs at least 2.")
    if kind == REGRESSION and not numeric:
        raise DataError(f"The target attribute {job.target} has values that are not numbers; Regression needs numbers.")
    if kind == BINARY and len(classes) != 2:  # noqa: PLR2004
        raise DataError(f"The target attribute {job.target} has {len(classes)} values; {kind} needs 2.")
    metric = job.metric or DEFAULTS[kind]
    if metric not in names_for(kind):
        raise DataError(f"The objective metric {metric} does not suit the problem type {kind}.")
    return Problem(kind, [] if kind == REGRESSION else classes, metric)


def _with_target(table: Table, target: str) -> tuple[Table, int]:
    """Return the rows that have a target, and the number of those that have none."""
    if target not in table.names:
        raise DataError(
            f"The target attribute {target} is not in the header of the input data: {', '.join(table.names)}."
        )
    if len(set(table.names)) != len(table.names):
        raise DataError("The header of the input data names a column twice.")
    if len(table.names) == 1:
        raise DataError(f"The input data has no column beside the target attribute {target}.")
    kept = [bool(cell.strip()) for cell in table.column(target)]
    return table.where(kept), len(table) - sum(kept)


def split(job: Job, data: Dataset) -> Split:
    """Split a job's data; the features are learned from the rows to train on.

    Raises:
        DataError: the validation data differ from the training data.
    """
    problem, table = data.problem, data.table
    if job.validation:
        held, _ = _with_target(tables.read(map(Path, job.validation)), job.target)
        if held.names != table.names:
            raise DataError("The header of the validation data differs from the header of the training data.")
        train = table
    else:
        order = np.random.default_rng(job.seed).permutation(len(table))
        aside = np.zeros(len(table), dtype=bool)
        aside[order[: max(1, math.floor(len(table) * job.validation_share))]] = True
        train, held = table.where(~aside), table.where(aside)
    target = problem.encoded(train.column(job.target))
    names = [name for name in table.names if name != job.target]
    columns = features.learn(train, names, problem.means(target))
    try:
        held_matrix = features.matrix(columns, [held.column(name) for name in names])
        held_target = problem.encoded(held.column(job.target))
    except tables.CellError as error:
        raise DataError(f"The validation data differ from the training data: {error}.") from error
    known = held_target >= 0 if problem.classes else np.ones(len(held), dtype=bool)
    matrix = features.training_matrix(columns, train, problem.means(target), job.seed)
    return Split(columns, (matrix, target), (held_matrix[known], held_target[known]))
