"""The command ``tailrace results``."""

from __future__ import annotations

from typing import Annotated

import typer

from tailrace.cli import arguments
from tailrace.cli.environment import Target, guarded, of
from tailrace.cli.printable import printable
from tailrace_core.messages.events import JobFinished, PartReady


@guarded
def results(
    *,
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more events until interrupted.")] = False,
    most: Annotated[
        int | None,
        typer.Option(
            "--max", min=1, metavar="N", help="Stop after this many events. Default: at the end of the queue."
        ),
    ] = None,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Print the events of the results queue; each is acknowledged once it is printed.

    Example:
      tailrace results --follow --stack demand --json
    """
    environment = of(context)
    target = Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)
    with (
        environment.client(target) as client,
        client.results(
            follow=follow,
            on_unreadable=lambda exc: environment.say(f"tailrace: left in the queue: {printable(exc.message)}"),
        ) as reader,
    ):
        for count, event in enumerate(reader, start=1):
            if json_:
                environment.put_json(event.to_json())
            else:
                environment.put(printable(_line(event)))
            if count == most:
                reader.acknowledge()
                break


def _line(event: PartReady | JobFinished) -> str:
    if isinstance(event, JobFinished):
        return f"{event.job_id} {event.state}: {event.rows_scored} of {event.rows_total} rows scored"
    return f"{event.job_id} rows {event.first_row} to {event.first_row + event.rows - 1}: {event.location}"
