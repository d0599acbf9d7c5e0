"""The commands ``tailrace parked redrive`` and ``discard``, for one parked chunk or for many."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tailrace.cli import arguments
from tailrace.cli.commands.operations.parked_options import (
    INCOMPLETE,
    Before,
    CauseText,
    Job,
    Most,
    Since,
    SomeWords,
    Yes,
    selection,
)
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace.cli.reports import job_reports, parked_reports
from tailrace.operations.decisions import NO_REASON, RedriveResult
from tailrace.operations.facade import Operations
from tailrace.operations.parked import MAX_REDRIVES, ParkedChunkId
from tailrace.operations.parked_queue import MAX_MESSAGES
from tailrace.operations.selections import Selection
from tailrace_core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Redrive:
    """The options of a redrive."""

    name: ParkedChunkId | None
    all: bool
    chosen: Selection
    halves: bool
    edit: bytes | None
    edit_rows: bytes | None
    force: bool
    now: bool
    note: str | None
    yes: bool

    @property
    def matching(self) -> bool:
        """True if the chunks are those that match the selection, listed from the ledger."""
        chosen = self.chosen
        timed = chosen.since is not None or chosen.before is not None
        return chosen.cause is not None or timed or (self.halves and self.name is None and self.edit_rows is None)

    def check(self) -> None:
        """Raise InputError for options that do not go together."""
        many = self.all or self.matching or self.edit_rows is not None
        one = self.name is not None
        job = self.chosen.job_id is not None
        if one is many or (job and not many) or (self.edit is not None and (many or self.halves)):
            raise InputError(
                "name one chunk (JOB RANGE), with or without --edit or --halves; or many by --all, --cause, --since "
                "or --before, with or without --job; or give --job with --edit-rows"
            )
        if self.edit_rows is not None and (not job or self.all or self.matching or self.halves):
            raise InputError("--edit-rows needs --job, and goes with no other choice of chunks")
        if self.now and (self.edit is not None or self.matching or (many and not (self.all and job))):
            raise InputError("--now needs one chunk (JOB RANGE) without --edit, or --all with --job")

    def one(self, operations: Operations, name: ParkedChunkId) -> RedriveResult:
        """Redrive one chunk."""
        redriving = operations.redriving
        if self.now and operations.parked.find(name).queued:
            return redriving.hurry(name)
        if self.halves:
            return redriving.halve(name, note=self.note)
        return redriving.redrive(name, force=self.force, note=self.note, edit=self.edit)

    def many(self, operations: Operations) -> Iterator[RedriveResult]:
        """Redrive the chunks that match, or those of the corrected rows."""
        job_id = self.chosen.job_id
        if self.edit_rows is not None and job_id is not None:
            return operations.bulk.correct_rows(
                job_id, self.edit_rows, force=self.force, note=self.note, confirmed=self.yes
            )
        return operations.bulk.redrive_matching(
            self.chosen, force=self.force, note=self.note, halves=self.halves, confirmed=self.yes
        )


@guarded
def redrive(
    *,
    context: typer.Context,
    chunk: SomeWords = None,
    all_: Annotated[bool, typer.Option("--all", help="Redrive all parked chunks; delete stale messages too.")] = False,
    job: Job = None,
    cause: CauseText = None,
    since: Since = None,
    before: Before = None,
    halves: Annotated[
        bool,
        typer.Option("--halves", help="Split each chunk in two and invoke both: finds a bad row behind a failure."),
    ] = False,
    edit: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="File with the chunk's corrected rows: as many, with the columns sent; - is stdin."
        ),
    ] = None,
    edit_rows: Annotated[
        str | None,
        typer.Option(
            "--edit-rows",
            metavar="FILE",
            help="File of corrected rows of the --job: row number, then the columns sent; - is stdin.",
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

    One chunk is redriven at once. For many (--all, --cause, --since, --before, --edit-rows) it only
    shows what it would do unless --yes is given, and acts on what is parked at the start.

    Examples:
      tailrace parked redrive 01JD0WAWQSRPH4P5HK2ZTF1J2N 000000000100-50 --stack demand --note "role fixed"

      tailrace parked redrive 01JD0WAWQSRPH4P5HK2ZTF1J2N 000000000100-50 --stack demand --edit rows.csv

      tailrace parked redrive --all --stack demand --yes

      tailrace parked redrive --cause "Content-Length" --since 1d --halves --stack demand --yes

      tailrace parked redrive --job 01JD0WAWQSRPH4P5HK2ZTF1J2N --edit-rows fixed.csv --stack demand --yes

      tailrace parked redrive --all --job 01JD0WAWQSRPH4P5HK2ZTF1J2N --now --stack demand --yes
    """
    environment = of(context)
    chosen = selection(job, cause, since, before, time.time())
    request = _Redrive(
        name=None if not chunk else ParkedChunkId.parse(*chunk),
        all=all_,
        chosen=chosen,
        halves=halves,
        edit=None if edit is None else _read(environment, edit),
        edit_rows=None if edit_rows is None else _read(environment, edit_rows),
        force=force,
        now=now,
        note=note,
        yes=yes,
    )
    request.check()
    with environment.client(Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)) as client:
        operations = client.operations
        if request.name is not None:
            _put(environment, request.one(operations, request.name), json_=json_)
        elif request.matching or request.edit_rows is not None:
            _put_all(environment, request.many(operations), json_=json_, confirmed=yes)
        else:
            found = operations.redriving.redrive_all(job, force=force, note=note, confirmed=yes, max_messages=most)
            _put_all(environment, found.chunks, json_=json_, confirmed=yes)
            if now and job is not None:
                _put_all(environment, operations.redriving.hurry_all(job, confirmed=yes), json_=json_, confirmed=yes)
            if not found.complete:
                environment.say(INCOMPLETE)


@guarded
def discard(
    *,
    context: typer.Context,
    chunk: SomeWords = None,
    job: Job = None,
    cause: CauseText = None,
    since: Since = None,
    before: Before = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Reason to record with each rejected row.")] = NO_REASON,
    yes: Yes = False,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Discard parked chunks: reject their rows, so that the job can end. This cannot be undone.

    Many are chosen by --job, --cause, --since and --before, as they are parked at the start.

    Examples:
      tailrace parked discard 01JD0WAWQSRPH4P5HK2ZTF1J2N 000000000100-50 --stack demand --reason "shop closed" --yes

      tailrace parked discard --cause "no such key" --before 7d --stack demand --reason "input deleted" --yes
    """
    environment = of(context)
    chosen = selection(job, cause, since, before, time.time())
    if bool(chunk) is not chosen.chooses_all:
        raise InputError("name one chunk (JOB RANGE), or many by --job, --cause, --since or --before")
    if not chunk:
        target = Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)
        with environment.client(target) as client:
            results = client.operations.bulk.discard_matching(chosen, reason, confirmed=yes)
            _put_all(environment, results, json_=json_, confirmed=yes)
        return
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


def _put(environment: Environment, done: RedriveResult, *, json_: bool, confirmed: bool = True) -> None:
    if json_:
        environment.put_json(job_reports.as_json(parked_reports.result_fields(done, confirmed=confirmed)))
    else:
        environment.put(parked_reports.result_text(done, confirmed=confirmed))


def _put_all(environment: Environment, results: Iterable[RedriveResult], *, json_: bool, confirmed: bool) -> None:
    count = rows = 0
    for done in results:
        _put(environment, done, json_=json_, confirmed=confirmed)
        count += done.action != "left"
        rows += done.parked.range.rows if done.action != "left" else 0
    what = f"{count} chunk{'s' * (count != 1)} with {rows:,} rows"
    if confirmed:
        environment.say(f"tailrace: {what}: done")
    else:
        environment.say(f"nothing was done yet: {what} would be; give --yes to do it")


def _read(environment: Environment, name: str) -> bytes:
    if name != "-":
        try:
            return Path(name).read_bytes()
        except OSError as exc:
            raise InputError(f"{name} cannot be read ({exc.strerror or exc}); name a file with rows") from exc
    return (environment.stdin or sys.stdin.buffer).read()
