"""The command ``tailrace submit``."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Annotated, Any

import typer

from tailrace.cli import arguments, exit_codes
from tailrace.cli.commands.jobs import fetch, summarize_rejects, wait_for
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace.cli.progress_lines import reporting
from tailrace.cli.quantities import duration_s, size_bytes
from tailrace.cli.reports import job_reports, reject_reports
from tailrace.client import Tailrace
from tailrace.download import targets
from tailrace.download.rejects_summary.summary import RejectsSummary
from tailrace.options import DEFAULT_WINDOW, OnBadRow, SubmitOptions
from tailrace.sources.origins import local_files
from tailrace.submit.submitter import Submission
from tailrace_core.csv_text.headers import HeaderPolicy, parse_names
from tailrace_core.errors import InputError, TailraceError, TimedOutError
from tailrace_core.jobs.model import Job, JobState

_COLUMNS = "Columns"
_CHUNKS = "Chunks and limits"
_MODEL = "Model"
_AWS = "AWS"


@guarded
def submit(
    *,
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Files, glob patterns or s3:// addresses to read in this order; - is standard input.",
        ),
    ],
    stack: arguments.Stack = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the job has ended.")] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Wait, and write the result to this file; - is standard output."
        ),
    ] = None,
    no_clobber: arguments.NoClobber = False,
    safe_csv: arguments.SafeCsv = False,
    json_: arguments.Json = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show rows, chunks and costs; send nothing.")] = False,
    job_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Name of the job: submitting the same input with it again continues the job.",
            callback=arguments.text,
        ),
    ] = None,
    header: Annotated[
        HeaderPolicy,
        typer.Option(
            help="strip: the first record is a header and is not sent; repeat: it is sent with every chunk; "
            "none: the input has no header, its columns are column_1, column_2 …",
            rich_help_panel=_COLUMNS,
        ),
    ] = HeaderPolicy.STRIP,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Columns to return beside the prediction; not sent.", rich_help_panel=_COLUMNS
        ),
    ] = None,
    drop: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Columns to leave out: neither sent nor returned.", rich_help_panel=_COLUMNS),
    ] = None,
    send: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Columns to send, in this order. Default: all that are neither kept nor dropped.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    output_columns: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Names of the columns that the model returns.",
            rich_help_panel=_COLUMNS,
            callback=arguments.text,
        ),
    ] = "prediction",
    on_bad_row: Annotated[
        OnBadRow,
        typer.Option(
            help="Reject rows that would break the model's CSV reader, or stop at the first.", rich_help_panel=_COLUMNS
        ),
    ] = OnBadRow.REJECT,
    chunk_rows: Annotated[
        int, typer.Option(min=1, metavar="N", help="Maximum rows in a chunk.", rich_help_panel=_CHUNKS)
    ] = 50_000,
    chunk_bytes: Annotated[
        str,
        typer.Option(
            metavar="SIZE",
            help="Maximum size of a chunk (500kB, 4MiB); stay below the container's limit.",
            rich_help_panel=_CHUNKS,
        ),
    ] = "4MiB",
    max_attempts: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Maximum attempts for a chunk.", rich_help_panel=_CHUNKS)
    ] = 3,
    max_rejects: Annotated[
        str | None,
        typer.Option(
            metavar="N|P%",
            help="Fail the job when more rows than this are rejected (10, 2.5%). Default: no limit.",
            rich_help_panel=_CHUNKS,
        ),
    ] = None,
    split_budget: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Maximum splits of chunks to isolate bad rows; what is left then is rejected with its chunk. "
            "Default: 10000, and one more for every 4 rows.",
            rich_help_panel=_CHUNKS,
        ),
    ] = None,
    window: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Maximum chunks of the job in flight; others wait, so that other jobs get their turn. 0: no limit.",
            rich_help_panel=_CHUNKS,
        ),
    ] = DEFAULT_WINDOW,
    deadline: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Expire the job after this long (90s, 15m, 24h, 7d); 14d at most.",
            rich_help_panel=_CHUNKS,
        ),
    ] = "24h",
    content_type: Annotated[
        str, typer.Option(help="MIME type of the rows sent to the model.", rich_help_panel=_MODEL)
    ] = "text/csv",
    accept: Annotated[
        str, typer.Option(help="MIME type of the model's response.", rich_help_panel=_MODEL)
    ] = "text/csv",
    invocation_timeout: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="Maximum time the model may take for one chunk; 1h at most.", rich_help_panel=_MODEL
        ),
    ] = "15m",
    timeout: arguments.Timeout = None,
    concurrency: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Uploads in parallel.", rich_help_panel=_AWS)
    ] = 8,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    quiet: arguments.Quiet = False,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Cut a CSV into chunks, upload them and invoke the model on each; print the job's id.

    Examples:
      tailrace submit sales.csv --stack demand --keep id --output scored.csv

      tailrace submit 'days/*.csv.gz' --stack demand --job-key days-2026-11 --wait --json

      zcat big.csv.gz | tailrace submit - --stack demand --dry-run
    """
    environment = of(context)
    options = SubmitOptions(
        header=header,
        keep=_names(keep),
        drop=_names(drop),
        send=_names(send),
        output_columns=_names(output_columns),
        chunk_rows=chunk_rows,
        chunk_bytes=size_bytes(chunk_bytes),
        job_key=job_key,
        on_bad_row=on_bad_row,
        max_attempts=max_attempts,
        max_rejects=max_rejects,
        split_budget=split_budget,
        deadline_s=duration_s(deadline),
        invocation_timeout_s=int(duration_s(invocation_timeout)),
        window=window,
        content_type=content_type,
        accept=accept,
    )
    timeout_s = None if timeout is None else duration_s(timeout)
    target = Target(
        stack=stack or ("dry-run" if dry_run else None),
        profile=profile,
        region=region,
        endpoint_url=endpoint_url,
        concurrency=concurrency,
    )
    _check_follow_up(output, timeout, sources, wait=wait, clobber=not no_clobber)
    with environment.client(target) as client:
        if dry_run:
            found = client.estimate(sources, options, stdin=environment.stdin)
            environment.put(job_reports.as_json(asdict(found)) if json_ else job_reports.estimate_text(found))
            return
        with reporting(environment, quiet=quiet) as report:
            submission = client.submit(sources, options, on_progress=report, stdin=environment.stdin)
        follow = _Follow(environment, client, submission, stack=stack, output=output, json=json_, quiet=quiet)
        job, why = follow.to_the_end(timeout_s, wait=wait or output is not None, safe_csv=safe_csv)
    if not quiet:
        environment.say(_summary(submission, job))
        explained = reject_reports.text(job, why, stack=stack)
        if explained:
            environment.say(explained)
    raise typer.Exit(exit_codes.of_job(job))


_DELIVERED = frozenset({JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS})


def _check_follow_up(
    output: str | None, timeout: str | None, sources: Sequence[str], *, wait: bool, clobber: bool
) -> None:
    if timeout is not None and not wait and output is None:
        raise InputError("--timeout limits a wait, and this command does not wait: add --wait or --output")
    if output is not None:
        targets.check(output, sources=local_files(sources), clobber=clobber)


@dataclass(frozen=True)
class _Follow:
    """The steps after a submit: wait, download, report. Every error gets a note with the job's id."""

    environment: Environment
    client: Tailrace
    submission: Submission
    _: KW_ONLY
    stack: str | None
    output: str | None
    json: bool
    quiet: bool

    def to_the_end(self, timeout_s: float | None, *, wait: bool, safe_csv: bool) -> tuple[Job, RejectsSummary | None]:
        """Print the id; wait and download the result where asked; print the job.

        Returns the job, and why rows of it were rejected.
        """
        job = self.submission.job
        try:
            if not self.json and self.output != targets.STDOUT:
                self.environment.put(job.job_id)
            if wait:
                job = wait_for(self.environment, self.client, job.job_id, timeout_s, quiet=self.quiet)
            if self.output is not None and job.state in _DELIVERED:
                fetch(self.environment, self.client, job.job_id, self.output, safe_csv=safe_csv, quiet=self.quiet)
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
            put = self.environment.say if self.output == targets.STDOUT else self.environment.put
            put(job_reports.as_json(_fields(self.submission, job, output, why)))

    def _note(self, error: BaseException, job: Job) -> None:
        named = f"{job.job_id} --stack {self.stack}"
        if job.state in _DELIVERED:
            error.add_note(
                f"job {job.job_id} is {job.state}; fetch its result with `tailrace download {named} --output FILE`"
            )
        elif not getattr(error, "__notes__", ()):
            error.add_note(f"job {job.job_id} is submitted and goes on; see its state with `tailrace status {named}`")


def _names(text: str | None) -> tuple[str, ...]:
    return () if text is None else parse_names(text)


def _fields(submission: Submission, job: Job, output: str | None, why: RejectsSummary | None) -> dict[str, Any]:
    return {
        **job_reports.fields(job),
        "rejects": reject_reports.fields(why),
        "continued": submission.continued,
        "chunks_sent": submission.chunks_sent,
        "chunks_skipped": submission.chunks_skipped,
        "output": output,
    }


def _summary(submission: Submission, job: Job) -> str:
    sent = f"{submission.chunks_sent:,} chunk{'s' * (submission.chunks_sent != 1)} sent"
    before = f", {submission.chunks_skipped:,} had been sent before" if submission.continued else ""
    why = f"; see why with `tailrace rejects {job.job_id}`" if job.rows_rejected and job.state in _DELIVERED else ""
    return f"{job_reports.summary(job)}; {sent}{before}{why}"
