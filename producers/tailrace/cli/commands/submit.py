"""The command ``tailrace submit``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tailrace.cli import arguments, exit_codes
from tailrace.cli import declarations as typer
from tailrace.cli.commands import submit_options
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace.cli.quantities import duration_s, size_bytes
from tailrace_core.csv_text.headers import HeaderPolicy, parse_names
from tailrace_core.errors import InputError
from tailrace_core.jobs.description import parse_tags
from tailrace_core.jobs.settings import OnParked, RequestFormat
from tailrace_core.submission.options import DEFAULT_WINDOW, OnBadRow, SubmitOptions


@guarded
def submit(
    *,
    context: typer.Context,
    sources: submit_options.Sources,
    pattern: submit_options.Pattern = None,
    remote: submit_options.Remote = False,
    stack: arguments.Stack = None,
    wait: submit_options.Wait = False,
    output: submit_options.Output = None,
    no_clobber: arguments.NoClobber = False,
    safe_csv: arguments.SafeCsv = False,
    json_: arguments.Json = False,
    dry_run: submit_options.DryRun = False,
    job_key: submit_options.JobKey = None,
    name: submit_options.Name = None,
    tag: submit_options.Tag = None,
    header: submit_options.Header = HeaderPolicy.STRIP,
    source_format: submit_options.SourceFormat = None,
    recipe: submit_options.Recipe = None,
    keep: submit_options.Keep = None,
    join: submit_options.Join = False,
    drop: submit_options.Drop = None,
    send: submit_options.Send = None,
    output_columns: submit_options.OutputColumns = "prediction",
    on_bad_row: submit_options.OnBadRow = OnBadRow.REJECT,
    na: submit_options.Na = None,
    chunk_rows: submit_options.ChunkRows = 50_000,
    chunk_bytes: submit_options.ChunkBytes = None,
    stripe_bytes: submit_options.StripeBytes = "128MiB",
    max_attempts: submit_options.MaxAttempts = 3,
    max_rejects: submit_options.MaxRejects = None,
    split_budget: submit_options.SplitBudget = None,
    window: submit_options.Window = DEFAULT_WINDOW,
    on_parked: submit_options.OnParked = OnParked.WAIT,
    deadline: submit_options.Deadline = "24h",
    output_type: submit_options.OutputType = None,
    canaries: submit_options.Canaries = 0,
    echo: submit_options.Echo = None,
    request: submit_options.Request = RequestFormat.CSV,
    request_template: submit_options.RequestTemplate = None,
    content_type: submit_options.ContentType = "text/csv",
    accept: submit_options.Accept = "text/csv",
    invocation_timeout: submit_options.InvocationTimeout = None,
    via: submit_options.Via = None,
    timeout: arguments.Timeout = None,
    concurrency: submit_options.Concurrency = 8,
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

      tailrace submit s3://sales/2026/ --pattern '*.csv.gz' --stack demand --remote --output s3://sales/scored.csv

      zcat big.csv.gz | tailrace submit - --stack demand --dry-run
    """
    environment = of(context)
    options = SubmitOptions(
        header=header,
        keep=_names(keep),
        join=join,
        drop=_names(drop),
        send=_names(send),
        output_columns=_names(output_columns),
        chunk_rows=chunk_rows,
        chunk_bytes=None if chunk_bytes is None else size_bytes(chunk_bytes),
        stripe_bytes=size_bytes(stripe_bytes),
        job_key=job_key,
        name=name,
        tags=parse_tags(tag or ()),
        on_bad_row=on_bad_row,
        na=_names(na),
        max_attempts=max_attempts,
        max_rejects=max_rejects,
        split_budget=split_budget,
        deadline_s=duration_s(deadline),
        invocation_timeout_s=None if invocation_timeout is None else int(duration_s(invocation_timeout)),
        window=window,
        on_parked=on_parked,
        output_type=output_type,
        canaries=canaries,
        echo=echo,
        request=request,
        request_template=request_template,
        content_type=content_type,
        accept=accept,
        pattern=pattern,
        source_format=source_format,
        recipe=recipe,
        via=via,
    )
    timeout_s = None if timeout is None else duration_s(timeout)
    target = Target(
        stack=stack or ("dry-run" if dry_run and not remote else None),
        profile=profile,
        region=region,
        endpoint_url=endpoint_url,
        concurrency=concurrency,
        is_called=remote or not dry_run,
    )
    # NumPy's linear algebra starts a thread for each core when it is imported, and is not used.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _check_follow_up(output, timeout, sources, wait=wait, clobber=not no_clobber, safe_csv=safe_csv)
    with environment.client(target) as client:
        # The stack is looked up while these are imported.
        from tailrace.cli.commands.follow_up import FollowUp, next_commands, summary  # noqa: PLC0415
        from tailrace.cli.progress_lines import reporting  # noqa: PLC0415
        from tailrace.cli.reports import job_reports, reject_reports  # noqa: PLC0415
        from tailrace.sources.origins import STDIN, is_address  # noqa: PLC0415

        if output is not None and is_address(output) and not dry_run:
            client.check_target(output, clobber=not no_clobber)
        if dry_run and remote:
            with reporting(environment, quiet=quiet) as report:
                rows = client.count(sources, options, progress=report)
            _put(environment, rows, job_reports.count_text(rows), json=json_)
            return
        if dry_run:
            found = client.estimate(sources, options, stdin=environment.stdin)
            _put(environment, found, job_reports.estimate_text(found), json=json_)
            return
        with reporting(environment, quiet=quiet) as report:
            handle = client.submit(
                sources,
                options,
                on_progress=report,
                stdin=environment.stdin,
                # Files are told by their identity, before; whose rows a pipe brings, by their columns.
                output=output if STDIN in sources else None,
                remote=remote,
            )
        submission = handle.submission
        for each in () if quiet else submission.warnings:
            environment.say(f"warning: {each}")
        follow = FollowUp(
            environment, client, submission, stack=stack, output=output, json=json_, quiet=quiet, clobber=not no_clobber
        )
        job, why = follow.to_the_end(timeout_s, wait=wait or output is not None, safe_csv=safe_csv)
    if not quiet:
        environment.say(summary(submission, job))
        following = next_commands(job, output)
        if following:
            environment.say(following)
        explained = reject_reports.text(job, why, stack=stack)
        if explained:
            environment.say(explained)
    raise typer.Exit(exit_codes.of_job(job))


def _put(environment: Environment, values: Any, text: str, *, json: bool) -> None:
    if json:
        from tailrace.cli.reports import job_reports  # noqa: PLC0415 - as above

        environment.put_json(job_reports.as_json({name: getattr(values, name) for name in values.__slots__}))
    else:
        environment.put(text)


def _check_follow_up(
    output: str | None, timeout: str | None, sources: Sequence[str], *, wait: bool, clobber: bool, safe_csv: bool
) -> None:
    if timeout is not None and not wait and output is None:
        raise InputError("--timeout limits a wait, and this command does not wait: add --wait or --output")
    if output is not None:
        from tailrace.download import targets  # noqa: PLC0415 - most submits do not wait
        from tailrace.sources.origins import is_address  # noqa: PLC0415 - as above
        from tailrace.sources.resolving import local_files  # noqa: PLC0415 - as above

        if safe_csv:
            targets.require_csv(output)
        targets.check(output, sources=[*local_files(sources), *filter(is_address, sources)], clobber=clobber)


def _names(text: str | None) -> tuple[str, ...]:
    return () if text is None else parse_names(text)
