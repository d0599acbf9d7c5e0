"""The commands ``tailrace train`` and ``tailrace leaderboard``: AutoML jobs and their candidates."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

import typer

from tailrace.cli import arguments
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace.cli.exit_codes import ExitCode
from tailrace.cli.quantities import duration_s
from tailrace.cli.reports import job_reports, training_reports
from tailrace.models.train.jobs import FAILED, TrainingStatus
from tailrace.models.train.options import TrainingOptions
from tailrace.models.train.steps import DEFAULT_STACK
from tailrace.models.train.trainer import DEFAULT_TIMEOUT_S, Trainer, TrainingJob
from tailrace_core.jobs.description import parse_tags

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_AUTOML = "The AutoML job"


class Problem(StrEnum):
    """The kinds of problems."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"


class Mode(StrEnum):
    """The modes of AutoML."""

    ENSEMBLING = "ensembling"
    HYPERPARAMETER_TUNING = "hyperparameter-tuning"
    AUTO = "auto"


DeployedStack = Annotated[
    str, typer.Option(envvar="TAILRACE_STACK", metavar="NAME", help="Stack that the deploy command shall name.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the job has ended; the exit code says how.")]
Timeout = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="With --wait: stop waiting after this long (90s, 15m, 24h). Default: 24h."),
]


@guarded
def train(
    *,
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="CSV or Parquet file, or s3://BUCKET/PREFIX; a CSV has a header.")
    ],
    target: Annotated[str, typer.Option(metavar="COLUMN", help="Column to predict.", callback=arguments.text)],
    problem: Annotated[
        Problem | None, typer.Option(help="Kind of problem, with --metric. Default: AutoML's choice.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="Metric to choose by, with --problem: RMSE, MAE, R2, F1, AUC, Accuracy …"),
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, max=750, metavar="N", help="Number of models to try.")] = 3,
    mode: Annotated[
        Mode,
        typer.Option(help="Mode of AutoML. Only models of ensembling are one container, as an endpoint needs."),
    ] = Mode.ENSEMBLING,
    validation: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Data to compare models on. Default: a part of the training data."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_AUTOML,
            callback=arguments.text,
            help="Name of the job, at most 32 letters, digits and hyphens. Default: made of the data's name and a "
            "digest, so that the same command twice is one job.",
        ),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option(metavar="ARN", rich_help_panel=_AUTOML, help="Role of the job. Default: the training stack's."),
    ] = None,
    output_path: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            rich_help_panel=_AUTOML,
            help="s3:// address under which models are stored. Default: the training stack's bucket.",
        ),
    ] = None,
    training_stack: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="TAILRACE_TRAINING_STACK",
            rich_help_panel=_AUTOML,
            help="Stack of infra/training.yaml, with the bucket and the role.",
        ),
    ] = DEFAULT_STACK,
    max_runtime: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", rich_help_panel=_AUTOML, help="End the job after this long, with the models it has then."
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", rich_help_panel=_AUTOML, help="Tag of the job; may be given several times."),
    ] = None,
    wait: Wait = False,
    timeout: Timeout = None,
    stack: DeployedStack = "tailrace",
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    quiet: arguments.Quiet = False,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Train models on a table by AutoML; print the job's name, and with --wait the best of them.

    Checks header, target and rows before anything is sent. Ctrl-C leaves the job running. Exits with 4 when the job
    failed, and with 5 when it was stopped.

    Example:
      tailrace train sales.csv --target unit_sales --wait
      tailrace train s3://lake/sales/2026/ --target unit_sales --problem regression --metric RMSE --candidates 10
    """
    environment = of(context)
    options = TrainingOptions(
        target=target,
        problem=problem,
        metric=metric,
        candidates=candidates,
        mode=mode,
        name=name,
        role=role,
        output_path=output_path,
        validation=validation,
        max_runtime_s=None if max_runtime is None else int(duration_s(max_runtime)),
        tags=parse_tags(tag or ()),
    )
    timeout_s = DEFAULT_TIMEOUT_S if timeout is None else duration_s(timeout)

    def say(text: str) -> None:
        if not quiet:
            environment.say(f"tailrace: {text}")

    reached = Target(stack=None, profile=profile, region=region, endpoint_url=endpoint_url)
    with _trainer(environment, reached, training_stack) as trainer:
        job = trainer.train(data, options, say=say)
        if not json_:
            environment.put(job.name)
        status = _waited(environment, job, timeout_s, quiet=quiet) if wait else job.status()
        command = job.deploy_command(stack, local=_is_local(endpoint_url)) if status.completed else None
        if json_:
            fields = {**training_reports.status_fields(status), "deploy": command}
            environment.put_json(job_reports.as_json(fields))
        elif command:
            environment.put(training_reports.table(job.leaderboard()))
            say(f"deploy the best candidate:\n  {command}")
        elif not wait:
            say(f"see how far it is with `tailrace leaderboard {job.name} --wait`")
    raise typer.Exit(_code(status) if wait else ExitCode.OK)


@guarded
def leaderboard(
    *,
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="JOB", help="Name of the AutoML job, as `tailrace train` printed it.")],
    wait: Wait = False,
    timeout: Timeout = None,
    stack: DeployedStack = "tailrace",
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    quiet: arguments.Quiet = False,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """List the models that an AutoML job has tried, best first, with their metrics on rows held out.

    Exits with 4 when the job failed, and with 5 when it was stopped.

    Example:
      tailrace leaderboard sales-3f2a9c01d4be
      tailrace leaderboard sales-3f2a9c01d4be --wait --json
    """
    environment = of(context)
    timeout_s = DEFAULT_TIMEOUT_S if timeout is None else duration_s(timeout)
    with _trainer(
        environment, Target(stack=None, profile=profile, region=region, endpoint_url=endpoint_url)
    ) as trainer:
        job = trainer.job(name)
        status = _waited(environment, job, timeout_s, quiet=quiet) if wait else job.status()
        found = job.leaderboard()
        if json_:
            for rank, each in enumerate(found, 1):
                environment.put_json(job_reports.as_json(training_reports.candidate_fields(rank, each)))
        else:
            environment.put(training_reports.table(found, ended=status.ended))
        if not quiet:
            environment.say(f"tailrace: {training_reports.status_line(status)}")
            if status.completed:
                command = job.deploy_command(stack, local=_is_local(endpoint_url))
                environment.say(f"tailrace: deploy the best candidate:\n  {command}")
    raise typer.Exit(_code(status))


@contextlib.contextmanager
def _trainer(environment: Environment, target: Target, stack: str = DEFAULT_STACK) -> Iterator[Trainer]:
    environment.targets[:] = [target]
    with Trainer(stack, connection=environment.reach(target), clock=environment.clock, sleep=environment.sleep) as made:
        yield made


def _waited(environment: Environment, job: TrainingJob, timeout_s: float, *, quiet: bool) -> TrainingStatus:
    """Wait for a job's end; report each step and each partial failure once."""
    told: set[str] = set()

    def report(status: TrainingStatus) -> None:
        for line in (training_reports.status_line(status), *training_reports.partial_failures(status)):
            if line not in told and not quiet:
                environment.say(f"tailrace: {line}")
            told.add(line)

    try:
        return job.wait(timeout_s, report)
    except KeyboardInterrupt as exc:
        exc.add_note(f"the AutoML job goes on; see how far it is with `tailrace leaderboard {job.name} --wait`")
        raise


def _code(status: TrainingStatus) -> ExitCode:
    if not status.ended or status.completed:
        return ExitCode.OK
    return ExitCode.FAILED if status.status == FAILED else ExitCode.ENDED_EARLY


def _is_local(endpoint_url: str | None) -> bool:
    """Report whether requests go to the local cloud."""
    return urlsplit(endpoint_url or os.environ.get("AWS_ENDPOINT_URL", "")).hostname in _LOOPBACK
