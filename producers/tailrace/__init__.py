"""Tailrace scores each row of a big CSV with a SageMaker model, exactly once and in order.

``Tailrace`` is the client; ``AsyncTailrace`` has the same methods as coroutines. Every row is
accounted for. Names are imported on first use, so that importing the package takes next to no time.
"""

from __future__ import annotations

# The command line imports this package before it can handle an interruption: `typing` and
# `importlib` would bring thirty modules along.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tailrace.client.async_client import AsyncTailrace
    from tailrace.client.async_job import AsyncJob
    from tailrace.client.job import Job
    from tailrace.client.submit_keywords import SubmitKeywords
    from tailrace.client.sync_client import Tailrace
    from tailrace.download.counts import Download
    from tailrace.download.result_stream import Part
    from tailrace.models.prepare.preparing import Preparation, prepare
    from tailrace.models.train.options import TrainingOptions
    from tailrace.models.train.trainer import Trainer, TrainingJob
    from tailrace.operations.job_search import JobFilter
    from tailrace.operations.open_work import OpenWork
    from tailrace.operations.results.async_reader import AsyncResultsReader
    from tailrace.operations.results.reader import ResultsReader
    from tailrace.operations.results.reading import ReaderCounts
    from tailrace.operations.results.unknown import UnknownEvent
    from tailrace.progress import CuttingProgress, DownloadProgress, JobProgress, Progress, ShowProgress
    from tailrace.scoring.result import Scored
    from tailrace.scoring.run_state import ScoringError
    from tailrace.scoring.score import score
    from tailrace.scoring.score_keywords import ScoreKeywords
    from tailrace.submit.remote_submit import RemoteCount
    from tailrace.submit.submitter import Submission
    from tailrace_core.csv_text.headers import HeaderPolicy
    from tailrace_core.csv_text.rejects import Reject
    from tailrace_core.errors import InputError, JobKeyError, TailraceError, TimedOutError, TransientError
    from tailrace_core.jobs.description import JobDescription
    from tailrace_core.jobs.model import Job as JobStatus
    from tailrace_core.jobs.model import JobSettings, JobState, OnParked
    from tailrace_core.submission.options import OnBadRow, SubmitOptions

_MODULES = {
    "AsyncJob": "tailrace.client.async_job",
    "AsyncResultsReader": "tailrace.operations.results.async_reader",
    "AsyncTailrace": "tailrace.client.async_client",
    "CuttingProgress": "tailrace.progress",
    "Download": "tailrace.download.counts",
    "DownloadProgress": "tailrace.progress",
    "HeaderPolicy": "tailrace_core.csv_text.headers",
    "InputError": "tailrace_core.errors",
    "Job": "tailrace.client.job",
    "JobDescription": "tailrace_core.jobs.description",
    "JobFilter": "tailrace.operations.job_search",
    "JobKeyError": "tailrace_core.errors",
    "JobProgress": "tailrace.progress",
    "JobSettings": "tailrace_core.jobs.model",
    "JobState": "tailrace_core.jobs.model",
    "JobStatus": "tailrace_core.jobs.model",
    "OnBadRow": "tailrace_core.submission.options",
    "OnParked": "tailrace_core.jobs.model",
    "OpenWork": "tailrace.operations.open_work",
    "Part": "tailrace.download.result_stream",
    "Preparation": "tailrace.models.prepare.preparing",
    "Progress": "tailrace.progress",
    "ReaderCounts": "tailrace.operations.results.reading",
    "Reject": "tailrace_core.csv_text.rejects",
    "RemoteCount": "tailrace.submit.remote_submit",
    "ResultsReader": "tailrace.operations.results.reader",
    "ScoreKeywords": "tailrace.scoring.score_keywords",
    "Scored": "tailrace.scoring.result",
    "ScoringError": "tailrace.scoring.run_state",
    "ShowProgress": "tailrace.progress",
    "Submission": "tailrace.submit.submitter",
    "SubmitKeywords": "tailrace.client.submit_keywords",
    "SubmitOptions": "tailrace_core.submission.options",
    "Tailrace": "tailrace.client.sync_client",
    "TailraceError": "tailrace_core.errors",
    "TimedOutError": "tailrace_core.errors",
    "Trainer": "tailrace.models.train.trainer",
    "TrainingJob": "tailrace.models.train.trainer",
    "TrainingOptions": "tailrace.models.train.options",
    "TransientError": "tailrace_core.errors",
    "UnknownEvent": "tailrace.operations.results.unknown",
    "prepare": "tailrace.models.prepare.preparing",
    "score": "tailrace.scoring.score",
}

_NAMES_THERE = {"JobStatus": "Job"}
"""Names that are others in their modules."""

__all__ = [
    "AsyncJob",
    "AsyncResultsReader",
    "AsyncTailrace",
    "CuttingProgress",
    "Download",
    "DownloadProgress",
    "HeaderPolicy",
    "InputError",
    "Job",
    "JobDescription",
    "JobFilter",
    "JobKeyError",
    "JobProgress",
    "JobSettings",
    "JobState",
    "JobStatus",
    "OnBadRow",
    "OnParked",
    "OpenWork",
    "Part",
    "Preparation",
    "Progress",
    "ReaderCounts",
    "Reject",
    "RemoteCount",
    "ResultsReader",
    "ScoreKeywords",
    "Scored",
    "ScoringError",
    "ShowProgress",
    "Submission",
    "SubmitKeywords",
    "SubmitOptions",
    "Tailrace",
    "TailraceError",
    "TimedOutError",
    "Trainer",
    "TrainingJob",
    "TrainingOptions",
    "TransientError",
    "UnknownEvent",
    "prepare",
    "score",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - see above

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), _NAMES_THERE.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
