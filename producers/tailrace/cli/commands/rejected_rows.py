"""The command ``tailrace rejects``."""

from __future__ import annotations

from typing import Annotated

import typer

from tailrace.cli import arguments
from tailrace.cli.environment import Target, guarded, of
from tailrace.cli.reports import job_reports
from tailrace.download import targets
from tailrace.download.input_guard import refuse_input, replaces_file
from tailrace.download.rejected_rows import RejectedRows
from tailrace.download.safe_csv import escape_if
from tailrace.sources.resolving import local_files

_JSON_BEGINS = b'{"row": '


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
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE",
            help="What was submitted, to copy the original records from; give it once for each file, in their order.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The recipe of the submit, with --source: records are the prepared ones."),
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(metavar="GLOB", help="The pattern of the submit, with --source.")
    ] = None,
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

    Columns that were neither sent nor kept are left out: the pipeline does not have them. With --source, the original
    records come from what was submitted, byte for byte, and checksums prove that it is the same.

    Fix the rows and submit the file again, with the same options and --drop row,reason.
    With --json, each row is one object on a line.

    Example:
      tailrace rejects 01JD0WAWQSRPH4P5HK2ZTF1J2N --stack demand --source sales.csv --output rejects.csv
    """
    environment = of(context)
    if output != targets.STDOUT:
        targets.check(output, sources=local_files(source or ()), clobber=not no_clobber, json=json_, result=False)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        settings = client.settings(job_id)
        rows = RejectedRows(settings, whole=source is not None)
        if replaces_file(output):
            refuse_input(output, settings, written=_JSON_BEGINS if json_ else rows.csv_header())
        rejected = client.rejects(job_id, source=source, stdin=environment.stdin, recipe=recipe, pattern=pattern)
        found = (each for each in rejected if not (not_isolated and each.isolated))
        # Reading the first row raises what is wrong before anything is written.
        first = next(found, None)
        target = environment.data(json=json_) if output == targets.STDOUT else output
        with targets.open_target(target) as opened, escape_if(opened, wanted=safe_csv and not json_) as file:
            if not json_:
                file.write(rows.csv_header())
            while first is not None:
                file.write(job_reports.as_json(rows.fields(first)).encode() + b"\n" if json_ else rows.csv_line(first))
                first = next(found, None)
    environment.stdout.flush()
    if rows.left_out and output != targets.STDOUT:
        environment.say(
            f"left out as they were neither sent nor kept: {', '.join(map(repr, rows.left_out))}; "
            "name the submitted files with --source to have them"
        )
