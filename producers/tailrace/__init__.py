"""Tailrace scores each row of a big CSV with a SageMaker asynchronous endpoint, exactly once and in order.

``Tailrace`` is the client; ``AsyncTailrace`` has the same methods as coroutines. Every row is
accounted for. Names are imported on first use, so that importing the package takes next to no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tailrace.async_client import AsyncTailrace
    from tailrace.client import Tailrace
    from tailrace.operations.open_work import OpenWork
    from tailrace.operations.results import ResultsReader
    from tailrace.options import OnBadRow, SubmitOptions
    from tailrace.progress import DownloadProgress, JobProgress, Progress
    from tailrace.submit.submitter import Submission
    from tailrace_core.csv_text.headers import HeaderPolicy
    from tailrace_core.csv_text.rejects import Reject
    from tailrace_core.errors import InputError, JobKeyError, TailraceError, TimedOutError, TransientError
    from tailrace_core.jobs.model import Job, JobSettings, JobState, OnParked

_MODULES = {
    "AsyncTailrace": "tailrace.async_client",
    "DownloadProgress": "tailrace.progress",
    "HeaderPolicy": "tailrace_core.csv_text.headers",
    "InputError": "tailrace_core.errors",
    "Job": "tailrace_core.jobs.model",
    "JobKeyError": "tailrace_core.errors",
    "JobProgress": "tailrace.progress",
    "JobSettings": "tailrace_core.jobs.model",
    "JobState": "tailrace_core.jobs.model",
    "OnBadRow": "tailrace.options",
    "OnParked": "tailrace_core.jobs.model",
    "OpenWork": "tailrace.operations.open_work",
    "Progress": "tailrace.progress",
    "Reject": "tailrace_core.csv_text.rejects",
    "ResultsReader": "tailrace.operations.results",
    "Submission": "tailrace.submit.submitter",
    "SubmitOptions": "tailrace.options",
    "Tailrace": "tailrace.client",
    "TailraceError": "tailrace_core.errors",
    "TimedOutError": "tailrace_core.errors",
    "TransientError": "tailrace_core.errors",
}

__all__ = [
    "AsyncTailrace",
    "DownloadProgress",
    "HeaderPolicy",
    "InputError",
    "Job",
    "JobKeyError",
    "JobProgress",
    "JobSettings",
    "JobState",
    "OnBadRow",
    "OnParked",
    "OpenWork",
    "Progress",
    "Reject",
    "ResultsReader",
    "Submission",
    "SubmitOptions",
    "Tailrace",
    "TailraceError",
    "TimedOutError",
    "TransientError",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
