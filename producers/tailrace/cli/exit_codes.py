"""Exit codes of the command line, one for each outcome."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from tailrace.cli.termination import TerminationError
from tailrace_core.errors import InputError

if TYPE_CHECKING:
    from tailrace_core.jobs.model import Job, JobState


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    """The job completed, or was submitted without --wait."""
    ERROR = 1
    """Any other error: no connection, no credentials, a wait that timed out."""
    USAGE = 2
    """The input or the usage is wrong."""
    COMPLETED_WITH_REJECTS = 3
    FAILED = 4
    """The job failed."""
    ENDED_EARLY = 5
    """The job was cancelled, or expired."""
    HUNG_UP = 129
    """SIGHUP, as when the terminal closes."""
    INTERRUPTED = 130
    """Ctrl-C."""
    TERMINATED = 143
    """SIGTERM."""


_OF_STATES = {
    "completed_with_rejects": ExitCode.COMPLETED_WITH_REJECTS,
    "failed": ExitCode.FAILED,
    "cancelled": ExitCode.ENDED_EARLY,
    "expired": ExitCode.ENDED_EARLY,
}
"""By the values of `JobState`, which a command that finds no job need not import."""


def of_job(job: Job) -> ExitCode:
    """Return the code for a job; a job that is being closed counts by its coming final state."""
    return of_state(job.outcome or job.state)


def of_state(state: JobState) -> ExitCode:
    """Return the code for the state of a job, or of a run without one."""
    return _OF_STATES.get(state, ExitCode.OK)


def of_error(error: BaseException) -> ExitCode:
    """Return the code for an error that ended a command."""
    if isinstance(error, TerminationError):
        return ExitCode(error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    return ExitCode.USAGE if isinstance(error, InputError) else ExitCode.ERROR
