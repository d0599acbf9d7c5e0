"""Follow-up of a submit: wait, download and report."""

from __future__ import annotations

import contextlib
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from tailrace.cli.commands.jobs import fetch, summarize_rejects, wait_for
from tailrace.cli.reports import job_reports, reject_reports
from tailrace_core.errors import TailraceError, TimedOutError
from tailrace_core.jobs.model import Job, JobState

if TYPE_CHECKING:
    from tailrace.cli.environment import Environment
    from tailrace.client import Tailrace
    from tailrace.download.rejects_summary.summary import RejectsSummary
    from tailrace.submit.submitter import Submission

_STDOUT = "-"
_DELIVERED = frozenset({JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS})


@dataclass(frozen=True)
class FollowUp:
    """The steps after a submit: wait, download, report. Every error gets a note with the job's id."""

    environment: Environment
    client: Tailrace
    submission: Submission
    _: KW_ONLY
    stack: str | None
    output: str | None
    json: bool
    quiet: bool
    clobber: bool = True

    def to_the_end(self, timeout_s: float | None, *, wait: bool, safe_csv: bool) -> tuple[Job, RejectsSummary | None]:
        """Print the id; wait and download the result where asked; print the job.

        Returns the job, and why rows of it were rejected.
        """
        job = self.submission.job
        try:
            if not self.json and self.output != _STDOUT:
                self.environment.put(job.job_id)
            if wait:
                job = wait_for(self.environment, self.client, job.job_id, timeout_s, quiet=self.quiet, stack=self.stack)
            if self.output is not None and job.state in _DELIVERED:
                # `submit` has refused the sources themselves before it sent anything.
                fetch(
                    self.environment,
                    self.client,
                    job.job_id,
                    self.output,
                    safe_csv=safe_csv,
                    quiet=self.quiet,
                    replace_input=True,
                    clobber=self.clobber,
                )
        except (TailraceError, OSError, KeyboardInterrupt) as exc:
            if isinstance(exc, TimedOutError):
                with contextlib.suppress(TailraceError):
                    job = self.client.status(job.job_id)
            self._note(exc, job)
            with contextlib.suppress(OSError):
                self._put_json(job, None)
            raise
        why = summarize_rejects(self.client, job)
        self._put_json(job, self.output if job.state in _DELIVERED else None, why)
        return job, why

    def _put_json(self, job: Job, output: str | None, why: RejectsSummary | None = None) -> None:
        if self.json:
            line = job_reports.as_json(_fields(self.submission, job, output, why))
            if self.output == _STDOUT:
                self.environment.say_json(line)
            else:
                self.environment.put_json(line)

    def _note(self, error: BaseException, job: Job) -> None:
        named = job.job_id
        if job.state in _DELIVERED:
            error.add_note(
                f"job {job.job_id} is {job.state}; fetch its result with `tailrace download {named} --output FILE`"
            )
        elif not getattr(error, "__notes__", ()):
            error.add_note(f"job {job.job_id} is submitted and goes on; see its state with `tailrace status {named}`")


def _fields(submission: Submission, job: Job, output: str | None, why: RejectsSummary | None) -> dict[str, Any]:
    return {
        **job_reports.fields(job),
        **reject_reports.job_fields(job, why),
        "continued": submission.continued,
        "chunks_sent": submission.chunks_sent,
        "chunks_skipped": submission.chunks_skipped,
        "output": output,
    }


def summary(submission: Submission, job: Job) -> str:
    """Format the end of a submit in one line."""
    before = submission.continued and not submission.chunks_sent and not submission.chunks_skipped
    if before and not submission.remote:
        return f"{job_reports.summary(job)}; all of it had been submitted before"
    if submission.remote:
        return f"{job_reports.summary(job)}; its objects were cut where they lie"
    sent = f"{submission.chunks_sent:,} chunk{'s' * (submission.chunks_sent != 1)} submitted"
    skipped = f", {submission.chunks_skipped:,} had been submitted before" if submission.continued else ""
    return f"{job_reports.summary(job)}; {sent}{skipped}"


def next_commands(job: Job, output: str | None) -> str:
    """Format the commands that come next, a line each; empty if there are none."""
    lines = []
    if not job.state.final:
        lines.append(f"see how it goes on with `tailrace watch {job.job_id}`")
    if job.state in _DELIVERED:
        lines += [f"see why rows were rejected with `tailrace rejects {job.job_id}`"] if job.rows_rejected else []
    if output is None and (job.state in _DELIVERED or not job.state.final):
        when = "" if job.state.final else "when it has ended, "
        lines.append(f"{when}fetch the result with `tailrace download {job.job_id} --output FILE`")
    return "\n".join(lines)
