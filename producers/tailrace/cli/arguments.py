"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

from tailrace.aws.stack_names import STACK_VARIABLE
from tailrace.cli import declarations as typer


def text(value: str | None) -> str | None:
    """Return a value that is sent to AWS.

    Raises:
        typer.BadParameter: it holds bytes that are not UTF-8, which a shell may pass.
    """
    try:
        (value or "").encode()
    except UnicodeEncodeError as exc:
        raise typer.BadParameter(f"{value!r} holds bytes that are not UTF-8.") from exc
    return value


def _job_id(value: str) -> str:
    if not value.strip():
        raise typer.BadParameter("it is empty; `tailrace jobs` lists jobs with their ids.")
    text(value)
    return value


JobId = Annotated[
    str, typer.Argument(metavar="JOB", help="Id of the job, as `tailrace submit` printed it.", callback=_job_id)
]
Stack = Annotated[
    str | None,
    typer.Option(
        envvar=STACK_VARIABLE, metavar="NAME", help="Name of the pipeline's CloudFormation stack.", callback=text
    ),
]
Profile = Annotated[
    str | None, typer.Option(metavar="NAME", help="AWS profile to use. Default: the SDK's.", rich_help_panel="AWS")
]
Region = Annotated[
    str | None, typer.Option(metavar="REGION", help="AWS region. Default: the profile's.", rich_help_panel="AWS")
]
EndpointUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Send all AWS requests to this URL, for instance to the local cloud.", rich_help_panel="AWS"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text: one object, or one a line.")]
SafeCsv = Annotated[
    bool,
    typer.Option("--safe-csv", help="Put ' in front of cells that a spreadsheet would take for formulas."),
]
NoClobber = Annotated[bool, typer.Option("--no-clobber", help="Refuse to replace an existing output file.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Report errors only, no progress.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback when a command fails.")]
Timeout = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Stop waiting after this long (90s, 15m, 24h); the job goes on. Default: until its deadline.",
    ),
]
