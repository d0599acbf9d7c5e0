"""The commands on submitted jobs: status, wait, download, jobs, cancel."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

from tailrace.cli import arguments, exit_codes
from tailrace.cli import declarations as typer
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace.cli.printable import printable
from tailrace.cli.progress_lines import reporting
from tailrace.cli.quantities import duration_s, moment_s
from tailrace.cli.reports import job_reports, reject_reports
from tailrace.operations.job_search import MAX_LOOKED_AT, JobFilter
from tailrace.operations.open_work import OpenWork
from tailrace.progress import DownloadProgress, JobProgress, OnProgress, Progress
from tailrace_core.errors import TailraceError, TimedOutError
from tailrace_core.jobs.description import parse_tags
from tailrace_core.jobs.model import JobState
from tailrace_core.submission.options import changed_settings

if TYPE_CHECKING:
    from tailrace.client import Tailrace
    from tailrace.download.counts import Download
    from tailrace.download.rejects_summary.summary import RejectsSummary
    from tailrace_core.jobs.model import Job


def wait_for(
    environment: Environment, client: Tailrace, job_id: str, timeout_s: float | None, *, quiet: bool, stack: str | None
) -> Job:
    """Wait with progress; when interrupted or timed out, note on the error that the job goes on.

    When a chunk is parked meanwhile, says why, and with which command to go on.
    """
    try:
        if quiet:
            return client.wait(job_id, timeout_s=timeout_s, progress=False)
        with reporting(environment, quiet=False) as report:
            explaining = _explain_parked(environment, client, stack or "")

            def on_progress(moment: Progress | JobProgress | DownloadProgress) -> None:
                report(moment)
                explaining(moment)

            return client.wait(job_id, timeout_s=timeout_s, on_progress=on_progress)
    except (KeyboardInterrupt, TimedOutError) as exc:
        exc.add_note(f"job {job_id} goes on; wait again with `tailrace wait {job_id}`")
        raise


def summarize_rejects(client: Tailrace, job: Job) -> RejectsSummary | None:
    """Return why rows of the job were rejected, None if none was or nobody can tell.

    A report must not fail because an addition to it does.
    """
    try:
        return client.rejects_summary(job.job_id) if job.rows_rejected else None
    except TailraceError:
        return None


def _explain_parked(environment: Environment, client: Tailrace, stack: str) -> OnProgress:
    known = [0]

    def explain(moment: Progress | JobProgress | DownloadProgress) -> None:
        if not isinstance(moment, JobProgress) or moment.job.times_parked <= known[0] or moment.job.state.final:
            return
        known[0] = moment.job.times_parked
        with contextlib.suppress(TailraceError):
            work = client.open_work(moment.job.job_id)
            for hint in work.hints(stack):
                environment.say(f"tailrace: {printable(hint)}")
            for hint in reject_reports.hints(moment.job, None, work):
                environment.say(f"first aid: {hint}")

    return explain


def fetch(
    environment: Environment,
    client: Tailrace,
    job_id: str,
    target: str,
    *,
    safe_csv: bool,
    quiet: bool,
    replace_input: bool = False,
    clobber: bool = True,
) -> Download:
    """Download with progress and return the counts; ``-`` is the environment's standard output.

    Raises:
        OSError: the target cannot be written; the message names it.
    """
    try:
        with reporting(environment, quiet=quiet) as report:
            where = environment.data() if target == "-" else target
            done = client.download(
                job_id, where, safe_csv=safe_csv, replace_input=replace_input, clobber=clobber, on_progress=report
            )
        environment.stdout.flush()
    except OSError as exc:
        if target == "-" and isinstance(exc, BrokenPipeError):
            raise
        name = "standard output" if target == "-" else target
        raise OSError(f"the result cannot be written to {name}: {exc.strerror or exc}") from exc
    return done


@guarded
def status(
    *,
    context: typer.Context,
    job_id: arguments.JobId,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Show the state and the counters of a job; exit with 0 whatever its state.

    Also shows why chunks are parked, the command that goes on with them, when the next attempt is due, and how far the
    stack's functions are with cutting the objects of a remote job.

    Example:
      tailrace status 01JD0WAWQSRPH4P5HK2ZTF1J2N --stack demand --json
    """
    environment = of(context)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        described = client.describe(job_id)
        job = described.job
        changed = changed_settings(client.settings(job_id))
        why = summarize_rejects(client, job)
        work = OpenWork(job_id) if job.state.final else client.open_work(job_id)
        cutting = client.cutting(job_id) if job.state is JobState.SUBMITTING else None
    name = stack or ""
    if json_:
        fields = job_reports.status_fields(described, work, name, changed, environment.now(), cutting)
        environment.put_json(job_reports.as_json({**fields, **reject_reports.job_fields(job, why, work)}))
        return
    environment.put(job_reports.status_text(described, work, name, changed, environment.now(), cutting))
    report = reject_reports.text(job, why, stack=stack, work=work)
    if report:
        environment.put(report)


@guarded
def wait(
    *,
    context: typer.Context,
    job_id: arguments.JobId,
    stack: arguments.Stack = None,
    timeout: arguments.Timeout = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    quiet: arguments.Quiet = False,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Wait until a job has ended; the exit code says how.

    Example:
      tailrace wait 01JD0WAWQSRPH4P5HK2ZTF1J2N --stack demand --timeout 2h
    """
    environment = of(context)
    timeout_s = None if timeout is None else duration_s(timeout)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        try:
            job = wait_for(environment, client, job_id, timeout_s, quiet=quiet, stack=stack)
        except TimedOutError:
            if json_:
                described, work = client.describe(job_id), client.open_work(job_id)
                changed = changed_settings(client.settings(job_id))
                fields = job_reports.status_fields(described, work, stack or "", changed, environment.now())
                environment.put_json(job_reports.as_json(fields))
            raise
        why = summarize_rejects(client, job)
    if json_:
        environment.put_json(job_reports.as_json({**job_reports.fields(job), **reject_reports.job_fields(job, why)}))
    else:
        environment.put(job_reports.summary(job))
        report = reject_reports.text(job, why, stack=stack)
        if report and not quiet:
            environment.say(report)
    raise typer.Exit(exit_codes.of_job(job))


@guarded
def download(
    *,
    context: typer.Context,
    job_id: arguments.JobId,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File or s3://bucket/key to write; - is standard output. A name that ends in .gz or .zst is "
            "compressed, one in .parquet is Parquet.",
        ),
    ] = "-",
    no_clobber: arguments.NoClobber = False,
    safe_csv: arguments.SafeCsv = False,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    quiet: arguments.Quiet = False,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Write the result of a completed job: a header, and a row for each row of the input, in its order.

    Example:
      tailrace download 01JD0WAWQSRPH4P5HK2ZTF1J2N --stack demand --output scored.csv.gz

      tailrace download 01JD0WAWQSRPH4P5HK2ZTF1J2N --stack demand --output s3://lake/scored.parquet --json
    """
    from tailrace.download import targets  # noqa: PLC0415 - the other commands do not need it

    environment = of(context)
    if safe_csv:
        targets.require_csv(output)
    targets.check(output, clobber=not no_clobber)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        done = fetch(environment, client, job_id, output, safe_csv=safe_csv, quiet=quiet, clobber=not no_clobber)
    if json_:
        line = job_reports.as_json(job_reports.download_fields(done))
        (environment.say_json if output == targets.STDOUT else environment.put_json)(line)


@guarded
def jobs(
    *,
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Maximum number of jobs.")] = 20,
    state: Annotated[
        list[JobState] | None, typer.Option(help="Only jobs in this state; may be given several times.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only jobs with this tag, of several: with all.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only jobs created since: 7d ago, or 2026-11-28T09:00 (UTC).")
    ] = None,
    before: Annotated[str | None, typer.Option(metavar="TIME", help="Only jobs created before this time.")] = None,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """List the newest jobs of a stack, newest first.

    Examples:
      tailrace jobs --stack demand --json

      tailrace jobs --stack demand --state running --tag team=forecasting --since 7d
    """
    environment = of(context)
    now = environment.now()
    wanted = JobFilter(
        states=frozenset(state or ()),
        tags=parse_tags(tag or ()),
        since=None if since is None else moment_s(since, now),
        before=None if before is None else moment_s(before, now),
    )
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        found = client.find_jobs(wanted, limit=limit)
    if json_:
        for each in found.jobs:
            environment.put_json(job_reports.as_json(job_reports.described_fields(each)))
    else:
        environment.put(job_reports.table(found.jobs, now))
    if not found.complete:
        environment.say(f"the newest {MAX_LOOKED_AT:,} jobs were looked at, not all: narrow the search with --since")


@guarded
def cancel(
    *,
    context: typer.Context,
    job_id: arguments.JobId,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Reason to record with the job.")
    ] = "cancelled by its owner",
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Cancel a running job; rows that are already scored stay scored.

    Example:
      tailrace cancel 01JD0WAWQSRPH4P5HK2ZTF1J2N --stack demand --reason "wrong file"
    """
    environment = of(context)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        before = client.status(job_id)
        job = client.cancel(job_id, reason)
    if before.state.final:
        environment.say(f"tailrace: job {job_id} was {before.state} already; nothing was cancelled")
    if json_:
        environment.put_json(job_reports.as_json(job_reports.fields(job)))
    else:
        environment.put(job_reports.summary(job))
