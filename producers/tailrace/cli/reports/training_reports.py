"""Reports of trainings: how far a job is, its candidates, and what deploys the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tailrace.cli.printable import printable
from tailrace.cli.reports.columns import align

if TYPE_CHECKING:
    from tailrace.models.train.jobs import Candidate, TrainingStatus

_DIGITS = 6


def status_fields(status: TrainingStatus) -> dict[str, Any]:
    """Return a job's status for ``--json``."""
    return {
        "job": status.name,
        "arn": status.arn,
        "status": status.status,
        "secondary_status": status.secondary,
        "failure_reason": status.failure or None,
        "partial_failures": list(status.partial_failures),
        "problem": status.problem or None,
        "metric": status.metric or None,
        "best_candidate": status.best or None,
    }


def candidate_fields(rank: int, candidate: Candidate) -> dict[str, Any]:
    """Return a candidate for ``--json``."""
    return {
        "rank": rank,
        "candidate": candidate.name,
        "status": candidate.status,
        "metric": candidate.metric or None,
        "value": candidate.value,
        "validation": dict(candidate.validation),
        "train": dict(candidate.train),
        "containers": candidate.containers,
        "model_data_url": candidate.model_data or None,
    }


def partial_failures(status: TrainingStatus) -> list[str]:
    """Return a line for each part of a job that failed."""
    return [printable(f"{status.name}: partly failed: {reason}") for reason in status.partial_failures]


def status_line(status: TrainingStatus) -> str:
    """Return one line about a job."""
    text = f"{status.name}: {status.status}"
    if status.secondary not in {"", status.status}:
        text += f", {status.secondary}"
    return printable(f"{text}: {status.failure}" if status.failure else text)


def table(candidates: Sequence[Candidate], *, ended: bool = False) -> str:
    """Return candidates as a table, in their order, with the metrics of the rows held out.

    ``ended``: the job makes no more.
    """
    if not candidates:
        return "no candidates" if ended else "no candidates yet"
    metric = candidates[0].metric
    others = sorted({name for each in candidates for name in each.validation} - {metric})
    rows = [["", "candidate", metric or "objective", *others]]
    for rank, each in enumerate(candidates, 1):
        value = _number(each.value) if each.status == "Completed" else each.status
        rows.append([str(rank), each.name, value, *(_number(each.validation.get(name)) for name in others)])
    return align(rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.{_DIGITS}g}"
