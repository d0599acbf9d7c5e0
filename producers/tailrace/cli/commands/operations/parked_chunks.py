"""The commands ``tailrace parked``: list and show parked chunks; `parked_decisions` acts on them."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from tailrace.cli import arguments
from tailrace.cli.commands.operations.parked_decisions import discard, redrive
from tailrace.cli.commands.operations.parked_options import (
    INCOMPLETE,
    Before,
    CauseText,
    Job,
    Most,
    Since,
    Words,
    selection,
)
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace.cli.printable import printable
from tailrace.cli.reports import job_reports, parked_reports
from tailrace.operations.attention import Attention, group_by_cause
from tailrace.operations.parked import ParkedChunkId
from tailrace.operations.parked_queue import MAX_MESSAGES, ParkedListing


@guarded
def list_(
    *,
    context: typer.Context,
    job: Job = None,
    cause: CauseText = None,
    since: Since = None,
    before: Before = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Read the parked queue instead, which shows stale messages too.")
    ] = False,
    most: Most = MAX_MESSAGES,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """List parked chunks, grouped by cause: the container's words come first.

    Reads the ledger and receives no message. --queue receives messages for up to 20 s and releases
    them at once; that counts as a receive of each.

    Examples:
      tailrace parked list --stack demand

      tailrace parked list --stack demand --cause "out of memory" --since 2h --json
    """
    environment = of(context)
    now = time.time()
    chosen = selection(job, cause, since, before, now)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        if queue or job is not None:
            listing = client.operations.parked.list(job, max_messages=most)
        else:
            found = client.operations.attention(most)
            listing = ParkedListing(found.chunks, complete=found.complete)
            _warn_of_messages(environment, found)
    chunks = [each for each in listing.chunks if chosen.chooses(each)]
    if json_:
        for each in chunks:
            environment.put_json(job_reports.as_json(parked_reports.fields(each)))
    elif queue:
        environment.put(parked_reports.table(chunks, now))
    else:
        environment.put(parked_reports.grouped(group_by_cause(chunks), now))
    for message in listing.unreadable:
        environment.say(
            f"tailrace: message {message.message_id} of the queue is not a ChunkParked event: "
            f"{printable(message.body[:200])}"
        )
    if not listing.complete:
        environment.say(INCOMPLETE)


@guarded
def show(
    *,
    context: typer.Context,
    chunk: Words,
    whole_input: Annotated[
        bool, typer.Option("--input", help="Print only the chunk's input, whole and as it was sent.")
    ] = False,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Show a parked chunk: reason, locations, first rows, and the text of the failure object.

    Example:
      tailrace parked show 01JD0WAWQSRPH4P5HK2ZTF1J2N 000000000100-50 --stack demand --input > rows.csv
    """
    environment = of(context)
    name = ParkedChunkId.parse(*chunk)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        queue = client.operations.parked
        if whole_input:
            environment.data().write(queue.input(queue.find(name)))
            environment.stdout.flush()
            return
        details = queue.details(name)
    if json_:
        environment.put_json(job_reports.as_json(parked_reports.detail_fields(details)))
    else:
        environment.put(parked_reports.detail_text(details))


def _warn_of_messages(environment: Environment, found: Attention) -> None:
    if found.messages is not None and found.messages > len(found.chunks) and found.complete:
        more = found.messages - len(found.chunks)
        environment.say(
            f"tailrace: the parked queue holds about {more} more messages: stale ones, copies, or chunks that were "
            "parked before this version; `tailrace parked list --queue` reads them"
        )


def build() -> typer.Typer:
    """Build the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="List, show, redrive and discard parked chunks.")
    group.command("list")(list_)
    for command in (show, redrive, discard):
        group.command()(command)
    return group
