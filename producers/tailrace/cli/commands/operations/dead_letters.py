"""The commands ``tailrace dlq``: list, show and redrive dead letters."""

from __future__ import annotations

from typing import Annotated

import typer

from tailrace.cli import arguments
from tailrace.cli.environment import Target, guarded, of
from tailrace.cli.printable import printable
from tailrace.cli.reports import job_reports, parked_reports
from tailrace.cli.reports.columns import align
from tailrace.operations.dead_letters import DeadLetters, group_letters

Name = Annotated[str, typer.Argument(metavar="QUEUE", help="Queue, as `tailrace dlq list` names it: failed, retries …")]


@guarded
def list_(
    *,
    context: typer.Context,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """List the dead-letter queues of a stack, and about how many messages each holds.

    Example:
      tailrace dlq list --stack demand
    """
    environment = of(context)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        found = client.operations.dead_letters.queues()
    if json_:
        for queue, letters in found:
            environment.put_json(job_reports.as_json({"queue": queue.name, "letters": letters, "url": queue.url}))
    else:
        rows = [("QUEUE", "LETTERS"), *((queue.name, _shown(letters)) for queue, letters in found)]
        environment.put(align(rows))


@guarded
def peek(
    *,
    context: typer.Context,
    queue: Name,
    most: Annotated[int, typer.Option("--max", min=1, metavar="N", help="Maximum number of messages.")] = 10,
    by_cause: Annotated[
        bool, typer.Option("--by-cause", help="Group the letters by cause, with one example of each.")
    ] = False,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Print dead letters and their subjects; they stay in the queue.

    Example:
      tailrace dlq peek failed --stack demand --json
    """
    environment = of(context)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        letters = client.operations.dead_letters.peek(queue, max_messages=most)
    if by_cause:
        for group in group_letters(letters):
            if json_:
                environment.put_json(job_reports.as_json(parked_reports.cause_fields(group)))
            else:
                environment.put(parked_reports.cause_text(group))
        return
    for letter in letters:
        if json_:
            environment.put_json(job_reports.as_json(parked_reports.letter_fields(letter)))
        else:
            environment.put(parked_reports.letter_text(letter))


@guarded
def redrive(
    *,
    context: typer.Context,
    queue: Name,
    most: Annotated[
        int | None,
        typer.Option("--max", min=1, metavar="N", help="Maximum number of messages. Default: all in the queue now."),
    ] = None,
    cause: Annotated[
        str | None,
        typer.Option(metavar="CAUSE", help="Only letters of this cause: its id from `peek --by-cause`, or text of it."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Redrive; without this, only show what would be done.")] = False,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    quiet: arguments.Quiet = False,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Send dead letters back to their source queue, once the cause is fixed.

    Example:
      tailrace dlq redrive failed --stack demand --cause 7386a0 --yes
    """
    environment = of(context)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        dead = client.operations.dead_letters
        if not yes:
            bounded = _would_send(dead, queue, most, cause)
            if json_:
                environment.put_json(job_reports.as_json({"queue": queue, "letters": bounded, "done": False}))
            else:
                environment.put(f"about {_shown(bounded)} letters of {queue} would be sent")
            environment.say("nothing was done yet: give --yes to do it")
            return
        sent = 0
        for each in dead.redrive(queue, max_messages=most, cause=cause):
            sent += 1
            if json_:
                values = parked_reports.letter_fields(each.letter)
                environment.put_json(job_reports.as_json({**values, "times": each.times, "marked": each.marked}))
            elif not quiet:
                environment.put(
                    printable(f"{each.letter.message.message_id} {each.letter.about or 'unreadable'} sent again")
                )
        left = dead.left(queue)
    if not quiet:
        environment.say(f"{sent} letters of {queue} were sent again")
    if left and most is None and cause is None:
        environment.say(
            f"tailrace: about {left} letters of {queue} are left: they failed again, or another reader holds them; "
            f"see them with `tailrace dlq peek {queue}`, and redrive again in a few minutes"
        )


def _would_send(dead: DeadLetters, queue: str, most: int | None, cause: str | None) -> int | None:
    """Return about how many letters a redrive would send now; None where the identity may not ask."""
    letters = dead.left(queue)
    if cause is not None and letters:
        letters = sum(each.has_cause(cause) for each in dead.peek(queue, max_messages=letters))
    return letters if most is None or letters is None else min(most, letters)


def _shown(letters: int | None) -> str:
    return "?" if letters is None else str(letters)


def build() -> typer.Typer:
    """Build the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="List, show and redrive dead letters.")
    group.command("list")(list_)
    for command in (peek, redrive):
        group.command()(command)
    return group
