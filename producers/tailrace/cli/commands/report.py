"""The command ``tailrace report``: a finished job as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailrace.cli import arguments
from tailrace.cli.environment import Target, guarded, of
from tailrace.cli.reports.report_page import report_page
from tailrace_core.errors import InputError


@guarded
def report(
    *,
    context: typer.Context,
    job_id: arguments.JobId,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="File to write. Default: standard output.")
    ] = None,
    stack: arguments.Stack = None,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Write the report of a finished job: one HTML file that needs no network and no script.

    Outcome, accounting, timeline, slowest ranges, rejected rows by reason, history, an estimate of
    the cost, and checksums.

    Example:
      tailrace report 01JD0WAWQSRPH4P5HK2ZTF1J2N --stack demand -o report.html
    """
    environment = of(context)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        page = report_page(client.report_data(job_id), region=region or "").encode()
    if output is None or output == "-":
        environment.data().write(page)
        environment.stdout.flush()
        return
    try:
        Path(output).write_bytes(page)
    except OSError as exc:
        raise InputError(f"{output} cannot be written ({exc.strerror or exc}); name another file by --output") from exc
    environment.say(f"report written to {output}")
