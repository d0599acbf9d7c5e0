"""The command ``tailrace doctor``: checks a stack or an account, and says what fixes it."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from tailrace.cli import arguments
from tailrace.cli.commands.exercise_jobs import exercise_jobs
from tailrace.cli.environment import AccountConnection, Environment, Target, guarded, of
from tailrace.cli.exit_codes import ExitCode
from tailrace.cli.reports import doctor_reports, job_reports
from tailrace.doctor.commands import Commands
from tailrace.doctor.deployment import look_up
from tailrace.doctor.diagnosis import diagnose, examine
from tailrace.doctor.exercise.invocations import Exercise
from tailrace.doctor.exercise.recording import Recording
from tailrace.doctor.findings import Finding, Status
from tailrace.doctor.preflight.plan import Plan
from tailrace_core.aws.calls import run
from tailrace_core.errors import InputError

_EXERCISE = "With requests of its own (--exercise)"
_PREFLIGHT = "Before a deployment (--preflight)"
DEFAULT_STACK = "tailrace"
Seconds = Annotated[
    int, typer.Option("--timeout", min=1, max=600, metavar="SECONDS", help="Maximum time that the checks take.")
]


def _parameter(name: str, of_template: str, help_text: str, metavar: str = "N") -> Any:
    return typer.Option(
        name, metavar=metavar, help=f"{help_text} (parameter {of_template}).", rich_help_panel=_PREFLIGHT
    )


@guarded
def doctor(
    *,
    context: typer.Context,
    stack: arguments.Stack = None,
    preflight: Annotated[
        bool, typer.Option("--preflight", help="Check the account before a deployment instead of a stack.")
    ] = False,
    instance_type: Annotated[
        str, _parameter("--instance-type", "InstanceType", "Type of the endpoint's instances", "TYPE")
    ] = "ml.m5.large",
    instances: Annotated[int, _parameter("--instances", "InstanceCount", "Number of instances at the start")] = 1,
    max_instances: Annotated[
        int, _parameter("--max-instances", "MaxInstanceCount", "Number up to which the endpoint scales; 0 for none")
    ] = 0,
    concurrency: Annotated[
        int, _parameter("--maximum-concurrency", "MaximumConcurrency", "Batches of a queue at once")
    ] = 10,
    reserved: Annotated[
        int, _parameter("--reserved-concurrency", "ReservedConcurrency", "Concurrency reserved for a function")
    ] = 0,
    image: Annotated[str, _parameter("--image", "ModelImage", "Container image of the model", "IMAGE")] = "",
    model_data: Annotated[
        str, _parameter("--model-data", "ModelDataUrl", "Archive of the model, s3://…/model.tar.gz", "URL")
    ] = "",
    own_key: Annotated[
        bool, _parameter("--customer-managed-key", "CustomerManagedKey", "The stack has a key of its own", "")
    ] = False,
    deployer: Annotated[
        str,
        typer.Option(
            metavar="ARN",
            help="User or role that will deploy, whose permissions are simulated. Default: the caller.",
            rich_help_panel=_PREFLIGHT,
        ),
    ] = "",
    exercise: Annotated[
        bool,
        typer.Option("--exercise", help="Then send requests and jobs, which cost a little, and judge the answers."),
    ] = False,
    row: Annotated[
        str,
        typer.Option(
            metavar="CSV", help="A row that the model can score, without a header.", rich_help_panel=_EXERCISE
        ),
    ] = "",
    content_type: Annotated[
        str,
        typer.Option(metavar="TYPE", help="MIME type of the row.", rich_help_panel=_EXERCISE, callback=arguments.text),
    ] = "text/csv",
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write raw notifications, headers and answers there, one JSON file a request.",
            rich_help_panel=_EXERCISE,
        ),
    ] = None,
    wait_s: Annotated[
        int,
        typer.Option("--wait", min=1, metavar="SECONDS", help="Maximum wait for answers.", rich_help_panel=_EXERCISE),
    ] = 900,
    timeout_s: Seconds = 60,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Check a stack, or with --preflight an account: OK, WARN, FAIL or "cannot tell", and what fixes it.

    Changes nothing, unless --exercise sends requests. Exits with 1 when a check failed. A permission that is missing is
    never OK.

    Example:
      tailrace doctor --stack demand
      tailrace doctor --preflight --stack demand --instance-type ml.g5.xlarge --max-instances 4
      tailrace doctor --stack demand --exercise --row 1.5,2,red --record answers
    """
    environment = of(context)
    if not stack and not preflight:
        raise InputError("no stack is named: give --stack NAME, or set TAILRACE_STACK")
    if exercise and (preflight or not row.strip()):
        raise InputError("--exercise needs a deployed stack, and --row with a row that its model can score")
    target = Target(stack=stack or DEFAULT_STACK, profile=profile, region=region, endpoint_url=endpoint_url)
    connection = environment.reach(target)
    try:
        if preflight:
            plan = Plan(
                stack=stack or DEFAULT_STACK,
                region=connection.region,
                commands=_commands(target),
                now=time.time,
                instance_type=instance_type,
                instance_count=instances,
                max_instance_count=max_instances,
                maximum_concurrency=concurrency,
                reserved_concurrency=reserved,
                image=image,
                model_data=model_data,
                customer_managed_key=own_key,
                deployer=deployer,
            )
            found = examine(plan, connection.execute, timeout_s=timeout_s)
        else:
            found = diagnose(target.stack or "", _commands(target), connection.execute, timeout_s=timeout_s)
        if exercise:
            trial = _Trial(row.strip().encode(), content_type, record, wait_s)
            found = itertools.chain(found, _exercised(environment, target, connection, trial))
        _report(environment, found, json_=json_)
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class _Trial:
    row: bytes
    content_type: str
    record: Path | None
    wait_s: float


def _exercised(
    environment: Environment, target: Target, connection: AccountConnection, trial: _Trial
) -> Iterator[Finding]:
    environment.say("sends requests and waits for their answers")
    stack = run(look_up(target.stack or "", _commands(target), time.time), connection.execute)
    recording = Recording(trial.record)
    name = uuid.uuid4().hex[:12]
    yield from Exercise(stack, connection.execute, recording, name=name, wait_s=trial.wait_s).run(
        trial.row, trial.content_type
    )
    environment.say("runs two jobs")
    with environment.client(target) as client:
        yield from exercise_jobs(client, trial.row, trial.content_type, wait_s=trial.wait_s)


def _commands(target: Target) -> Commands:
    options = {name: value for name, value in target.options.items() if name != "--stack"}
    return Commands(options, target.stack)


def _report(environment: Environment, found: Iterable[Finding], *, json_: bool) -> None:
    counts = dict.fromkeys(Status, 0)
    for finding in found:
        counts[finding.status] += 1
        if json_:
            environment.put_json(job_reports.as_json(doctor_reports.fields(finding)))
        else:
            environment.put(doctor_reports.text(finding))
    environment.say(", ".join(f"{count} {status}" for status, count in counts.items() if count))
    if counts[Status.FAIL]:
        raise typer.Exit(ExitCode.ERROR)
