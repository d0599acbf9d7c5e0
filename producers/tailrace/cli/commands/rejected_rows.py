"""The command ``tailrace rejects``."""

from __future__ import annotations

from typing import Annotated

import typer

from tailrace.cli import arguments
from tailrace.cli.environment import Target, guarded, of
from tailrace.cli.reports import job_reports
from tailrace.download import rejected_rows, targets
from tailrace.download.safe_csv import escape_if


@guarded
def rejects(
    *,
    context: typer.Context,
    job_id: arguments.JobId,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="File to write; - is standard output.")
    ] = "-",
    not_isolated: Annotated[
        bool,
        typer.Option(
            "--not-isolated", help="Only rows that were rejected with their chunk, when the split budget was spent."
        ),
    ] = False,
    no_clobber: arguments.NoClobber = False,
    safe_csv: arguments.SafeCsv = False,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Print the rejected rows of a finished job as CSV: row (from 0), reason, and the columns of the input.

    Fix the rows and submit the file again, with the same options and --drop row,reason.
    With --json, each row is one object on a line.

    Example:
      tailrace rejects 01JD0WAWQSRPH4P5HK2ZTF1J2N --stack demand --output rejects.csv
    """
    environment = of(context)
    if output != targets.STDOUT:
        targets.check(output, clobber=not no_clobber, json=json_)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        settings = client.settings(job_id)
        found = (each for each in client.rejects(job_id) if not (not_isolated and each.isolated))
        # Reading the first row raises what is wrong before anything is written.
        first = next(found, None)
        target = environment.stdout if output == targets.STDOUT else output
        with targets.open_target(target) as opened, escape_if(opened, wanted=safe_csv and not json_) as file:
            if not json_:
                file.write(rejected_rows.csv_header(settings))
            while first is not None:
                file.write(
                    job_reports.as_json(rejected_rows.fields(first)).encode() + b"\n"
                    if json_
                    else rejected_rows.csv_line(first)
                )
                first = next(found, None)
    environment.stdout.flush()
