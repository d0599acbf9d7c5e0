"""The command that shows a job live."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

from tailrace.cli import arguments, exit_codes
from tailrace.cli.commands.jobs import summarize_rejects, wait_for
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace.cli.quantities import duration_s
from tailrace.cli.reports import job_reports, reject_reports
from tailrace.client import Tailrace
from tailrace.operations.open_work import OpenWork
from tailrace.progress import CuttingProgress, JobProgress, OnProgress
from tailrace.progress.cutting import cutting_text
from tailrace.progress.pace import Pace
from tailrace.progress.text import Moment
from tailrace_core.errors import TailraceError, TimedOutError
from tailrace_core.jobs.description import DescribedJob
from tailrace_core.jobs.model import Job


@guarded
def watch(
    *,
    context: typer.Context,
    job_id: arguments.JobId,
    stack: arguments.Stack = None,
    timeout: arguments.Timeout = None,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Show a job live until it has ended; the exit code says how, as with wait.

    On a terminal: rows, rate, time left, chunks in flight, retrying and parked. Elsewhere: a line every few seconds.

    Example:
      tailrace watch 01JD0WAWQSRPH4P5HK2ZTF1J2N --stack demand
    """
    environment = of(context)
    timeout_s = None if timeout is None else duration_s(timeout)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        if environment.stderr.isatty():
            with _live(environment, client, client.describe(job_id), stack or "") as on_progress:
                job = _wait(client, job_id, timeout_s, on_progress)
        else:
            job = wait_for(environment, client, job_id, timeout_s, quiet=False, stack=stack)
        why = summarize_rejects(client, job)
    environment.put(job_reports.summary(job))
    report = reject_reports.text(job, why, stack=stack)
    if report:
        environment.say(report)
    raise typer.Exit(exit_codes.of_job(job))


def _wait(client: Tailrace, job_id: str, timeout_s: float | None, on_progress: OnProgress) -> Job:
    try:
        return client.wait(job_id, timeout_s=timeout_s, on_progress=on_progress)
    except (KeyboardInterrupt, TimedOutError) as exc:
        exc.add_note(f"job {job_id} goes on; watch it again with `tailrace watch {job_id}`")
        raise


@contextlib.contextmanager
def _live(environment: Environment, client: Tailrace, described: DescribedJob, stack: str) -> Iterator[OnProgress]:
    from rich.console import Console  # noqa: PLC0415 - slow to import, and for terminals only
    from rich.live import Live  # noqa: PLC0415 - the same

    from tailrace.cli.reports.job_panel import panel  # noqa: PLC0415 - the same

    pace = Pace()
    first: list[OpenWork] = []

    def work_of(moment: JobProgress) -> OpenWork:
        # A wait looks after some seconds; a person is shown at once what the job is doing.
        if isinstance(moment.work, OpenWork):
            return moment.work
        if not first:
            first.append(OpenWork(moment.job.job_id))
            with contextlib.suppress(TailraceError):
                first[:] = [client.open_work(moment.job.job_id)]
        return first[0]

    with Live(console=Console(file=environment.stderr), transient=True, auto_refresh=False) as live:

        def report(moment: Moment) -> None:
            if isinstance(moment, JobProgress):
                job, work = moment.job, work_of(moment)
                pace.add(environment.clock(), job.rows_settled)
                shown = DescribedJob(job, described.description)
                lines = [cutting_text(moment.cutting)] if isinstance(moment, CuttingProgress) else []
                live.update(panel(shown, work, pace, environment.now(), lines + work.hints(stack)), refresh=True)

        yield report
