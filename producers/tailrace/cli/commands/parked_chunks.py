"""The commands ``tailrace parked``: list, show, redrive and discard parked chunks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tailrace.cli import arguments
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace.cli.printable import printable
from tailrace.cli.reports import job_reports, parked_reports
from tailrace.operations.parked import MAX_REDRIVES, ParkedChunkId
from tailrace.operations.parked_queue import MAX_MESSAGES
from tailrace.operations.redriving import NO_REASON, RedriveResult
from tailrace_core.errors import InputError

Words = Annotated[
    list[str], typer.Argument(metavar="JOB RANGE", help="Id of a job and range of rows, or id of an event.")
]
SomeWords = Annotated[
    list[str] | None, typer.Argument(metavar="[JOB RANGE]", help="Id of a job and range of rows, or id of an event.")
]
Job = Annotated[
    str | None, typer.Option("--job", metavar="JOB", help="Only chunks of this job; read from the ledger too.")
]
Most = Annotated[int, typer.Option("--max", min=1, metavar="N", help="Maximum number of messages to read.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without this, only show what would be done.")]


@guarded
def list_(
    *,
    context: typer.Context,
    job: Job = None,
    most: Most = MAX_MESSAGES,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """List parked chunks; messages of chunks that need no action any more are shown as stale.

    Reads the parked queue for up to 20 s and releases its messages at once;
    with --job, reads the ledger instead.

    Example:
      tailrace parked list --stack demand --json
    """
    environment = of(context)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        listing = client.operations.parked.list(job, max_messages=most)
    if json_:
        for each in listing.chunks:
            environment.put_json(job_reports.as_json(parked_reports.fields(each)))
    else:
        environment.put(parked_reports.table(listing.chunks))
    for message in listing.unreadable:
        environment.say(
            f"tailrace: message {message.message_id} of the queue is not a ChunkParked event: "
            f"{printable(message.body[:200])}"
        )
    if not listing.complete:
        environment.say(_INCOMPLETE)


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


@guarded
def redrive(
    *,
    context: typer.Context,
    chunk: SomeWords = None,
    all_: Annotated[bool, typer.Option("--all", help="Redrive all parked chunks; delete stale messages too.")] = False,
    job: Job = None,
    edit: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="File with the chunk's corrected rows: as many, with the columns sent; - is stdin."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help=f"Redrive chunks again that were redriven {MAX_REDRIVES} times.")
    ] = False,
    now: Annotated[
        bool,
        typer.Option("--now", help="Also make attempts at once that wait for their delay; with --all, name the --job."),
    ] = False,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="What was fixed, to record with the chunk.")] = None,
    yes: Yes = False,
    most: Most = MAX_MESSAGES,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Invoke the model again on parked chunks, once the cause is fixed.

    One chunk is redriven at once; --all only shows what it would do unless --yes is given.

    Examples:
      tailrace parked redrive 01JD0WAWQSRPH4P5HK2ZTF1J2N 000000000100-50 --stack demand --note "role fixed"

      tailrace parked redrive 01JD0WAWQSRPH4P5HK2ZTF1J2N 000000000100-50 --stack demand --edit rows.csv

      tailrace parked redrive --all --stack demand --yes

      tailrace parked redrive --all --job 01JD0WAWQSRPH4P5HK2ZTF1J2N --now --stack demand --yes
    """
    environment = of(context)
    if now and (edit is not None or (all_ and job is None)):
        raise InputError("--now needs one chunk (JOB RANGE) without --edit, or --all with --job")
    if bool(chunk) is all_ or (job is not None and not all_) or (edit is not None and all_):
        raise InputError("name one chunk (JOB RANGE), with or without --edit; or give --all, with or without --job")
    rows = None if edit is None else _read(environment, edit)
    name = None if not chunk else ParkedChunkId.parse(*chunk)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        redriving = client.operations.redriving
        if name is not None and now and client.operations.parked.find(name).queued:
            _put(environment, redriving.hurry(name), json_=json_)
            return
        if name is not None:
            _put(environment, redriving.redrive(name, force=force, note=note, edit=rows), json_=json_)
            return
        found = redriving.redrive_all(job, force=force, note=note, confirmed=yes, max_messages=most)
        for done in found.chunks:
            _put(environment, done, json_=json_, confirmed=yes)
        for done in redriving.hurry_all(job, confirmed=yes) if now and job is not None else ():
            _put(environment, done, json_=json_, confirmed=yes)
    if not found.complete:
        environment.say(_INCOMPLETE)
    if not yes:
        environment.say("nothing was done yet: give --yes to do it")


@guarded
def discard(
    *,
    context: typer.Context,
    chunk: Words,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Reason to record with each rejected row.")] = NO_REASON,
    yes: Yes = False,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Discard a parked chunk: reject its rows, so that the job can end. This cannot be undone.

    Example:
      tailrace parked discard 01JD0WAWQSRPH4P5HK2ZTF1J2N 000000000100-50 --stack demand --reason "shop closed" --yes
    """
    environment = of(context)
    name = ParkedChunkId.parse(*chunk)
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        if yes:
            done = client.operations.redriving.discard(name, reason)
        else:
            parked = client.operations.parked.find(name)
            done = RedriveResult(parked, "discarded", reason)
    _put(environment, done, json_=json_, confirmed=yes)
    if not yes:
        environment.say(f"nothing was done yet: give --yes to reject its {name.range.rows} rows for good")


_INCOMPLETE = "tailrace: the queue may hold more than was read, or another reader holds messages: run this again"


def _put(environment: Environment, done: RedriveResult, *, json_: bool, confirmed: bool = True) -> None:
    if json_:
        environment.put_json(job_reports.as_json(parked_reports.result_fields(done, confirmed=confirmed)))
    else:
        environment.put(parked_reports.result_text(done, confirmed=confirmed))


def _read(environment: Environment, name: str) -> bytes:
    if name != "-":
        return Path(name).read_bytes()
    return (environment.stdin or sys.stdin.buffer).read()


def build() -> typer.Typer:
    """Build the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="List, show, redrive and discard parked chunks.")
    group.command("list")(list_)
    for command in (show, redrive, discard):
        group.command()(command)
    return group
