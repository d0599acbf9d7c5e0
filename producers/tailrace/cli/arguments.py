"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer


def text(value: str | None) -> str | None:
    """The value, which is sent to AWS.

    Raises:
        typer.BadParameter: it holds bytes that are no UTF-8, which a shell hands over all the same.
    """
    try:
        (value or "").encode()
    except UnicodeEncodeError as exc:
        raise typer.BadParameter(f"{value!r} holds bytes that are no UTF-8.") from exc
    return value


def _job_id(value: str) -> str:
    if not value.strip():
        raise typer.BadParameter("it is empty; `tailrace jobs` lists jobs with their ids.")
    text(value)
    return value


JobId = Annotated[
    str, typer.Argument(metavar="JOB", help="The job's id, as `tailrace submit` printed it.", callback=_job_id)
]
Stack = Annotated[
    str | None,
    typer.Option(
        envvar="TAILRACE_STACK", metavar="NAME", help="The CloudFormation stack of the pipeline.", callback=text
    ),
]
Profile = Annotated[str | None, typer.Option(metavar="NAME", help="The AWS profile to use.", rich_help_panel="AWS")]
Region = Annotated[str | None, typer.Option(metavar="REGION", help="The AWS region.", rich_help_panel="AWS")]
EndpointUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Send all requests there, for instance to the local cloud.", rich_help_panel="AWS"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object (or one a line) instead of text.")]
SafeCsv = Annotated[
    bool,
    typer.Option("--safe-csv", help="For spreadsheets: put ' in front of cells that look like formulas."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress; errors are still reported.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Timeout = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Stop waiting after this long (90s, 15m, 24h); the job goes on."),
]
