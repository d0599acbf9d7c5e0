"""`tailrace local`: starts, inspects and stops the local cloud."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tailrace.cli.printable import printable
from tailrace_local.cli.common import Json, StateDir, fail, put, report_errors, require_running_cloud, say, state
from tailrace_local.cli.fault_commands import faults
from tailrace_local.cli.invoke_command import invoke
from tailrace_local.cli.model_commands import model as model_commands
from tailrace_local.cli.status_text import status_lines
from tailrace_local.control.inspection import inspect
from tailrace_local.control.log_files import LogFiles
from tailrace_local.control.own_model import command_image, own_model, read_pairs
from tailrace_local.control.up_down import CloudOptions, LocalCloud, StepReporter
from tailrace_local.control.workspace import Workspace
from tailrace_local.loopback import check_origin

NOT_UP = 1

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The local cloud: the whole pipeline on this machine, without an AWS account.",
)
app.command()(invoke)
app.add_typer(faults, name="faults")
app.add_typer(model_commands, name="model")
_progress = Console(stderr=True)


@app.command()
def up(
    *,
    json_: Json = False,
    stack: Annotated[str, typer.Option(help="Name of the stack.")] = "tailrace",
    template: Annotated[Path | None, typer.Option(help="Template to deploy. Default: the pipeline's.")] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="Template parameter, K=V. Repeatable.")] = None,
    region: Annotated[str, typer.Option(help="AWS region of the cloud.")] = "eu-west-1",
    enforce_iam: Annotated[bool, typer.Option(help="Deny calls that the roles' policies do not allow.")] = False,
    tls: Annotated[bool, typer.Option(help="Serve HTTPS too, with a certificate of a local authority.")] = False,
    allow_serial_pipelines: Annotated[
        bool, typer.Option(help="Allow models with several containers behind asynchronous endpoints; AWS does not.")
    ] = False,
    time_scale: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Factor on alarms' periods and scaling's cooldowns.")
    ] = 1.0,
    model_command: Annotated[
        str | None,
        typer.Option(
            help="Command of your own model server, instead of the demo's model: 'python serve.py'. It listens on "
            "the port SAGEMAKER_BIND_TO_PORT and finds its data in SM_MODEL_DIR."
        ),
    ] = None,
    model_data: Annotated[
        str | None, typer.Option(help="The model's data: a folder, a model.tar.gz, or s3://… in your account.")
    ] = None,
    model_env: Annotated[
        list[str] | None, typer.Option(help="Variable of the model's container, K=V. Repeatable.")
    ] = None,
    model_cwd: Annotated[
        Path | None, typer.Option(help="Folder in which the model's command runs. Default: this one.")
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(help="Command for a further container image, NAME=COMMAND, for --parameter. Repeatable."),
    ] = None,
    train_locally: Annotated[
        bool,
        typer.Option(
            "--train-locally",
            help="Train AutoML jobs on this machine, and deploy the stack that `tailrace train` needs.",
        ),
    ] = False,
    no_deploy: Annotated[
        bool, typer.Option("--no-deploy", help="Start the cloud alone; `tailrace local deploy` deploys to it.")
    ] = False,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin whose web pages may command this cloud, such as http://localhost:3000. Repeatable."),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Timeout of the start and the deployment, in seconds.")] = 300.0,
    state_dir: StateDir = None,
) -> None:
    """Start the cloud, build, and deploy the template. A cloud that is already up stays as it is.

    Example: `tailrace local up && eval "$(tailrace local env)"`
    """
    workspace = Workspace.here()
    cwd = (model_cwd or Path.cwd()).resolve()
    with report_errors():
        model = own_model(model_command, model_data, model_env or [], cwd)
        images = {name: command_image(command, cwd) for name, command in read_pairs(image or [], "--image").items()}
    plan = CloudOptions(
        template=template or workspace.template,
        stack=stack,
        model=model,
        images=images,
        parameters=_parameters(parameter or []),
        region=region,
        timeout_s=timeout,
        enforce_iam=enforce_iam,
        tls=tls,
        allow_serial_pipelines=allow_serial_pipelines,
        time_scale=time_scale,
        train_locally=train_locally,
        deploys=not no_deploy,
        allowed_origins=tuple(_origin(text) for text in allow_origin or []),
    )
    local_cloud = LocalCloud(workspace, state(state_dir))
    with report_errors():
        found = local_cloud.running()
        facts = found or local_cloud.up(plan, StepReporter(_progress.status))
    if json_:
        typer.echo(json.dumps(asdict(facts)))
    elif found:
        put(f"the local cloud is up at {facts.endpoint_url}")
    else:
        put(f"the local cloud is up at {facts.endpoint_url} after {facts.seconds.get('total', 0):.1f} s")


@app.command()
def deploy(
    *,
    template: Annotated[Path | None, typer.Option(help="Template to deploy. Default: the pipeline's.")] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="Template parameter, K=V. Repeatable.")] = None,
    timeout: Annotated[float, typer.Option(help="Timeout of the deployment, in seconds.")] = 300.0,
    json_: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Build and deploy the template to the cloud that is up; parameters that are not given stay.

    A model replaces the one before: its parameters are emptied.

    Example: `tailrace local deploy --parameter AutoMLJobName=sales`
    """
    workspace = Workspace.here()
    parameters = _parameters(parameter or [])
    with report_errors():
        steps = StepReporter(_progress.status)
        facts = LocalCloud(workspace, state(state_dir)).deploy(
            template or workspace.template, parameters, steps, timeout_s=timeout
        )
    if json_:
        typer.echo(json.dumps(asdict(facts)))
    else:
        put(f"the stack {facts.stack} is deployed after {steps.seconds['deploy']:.1f} s")


@app.command()
def down(*, state_dir: StateDir = None) -> None:
    """Stop every process of the cloud and remove its state.

    Works after a crash; may be repeated.
    """
    with report_errors():
        ended = LocalCloud(Workspace.here(), state(state_dir)).down(say)
    say(f"the local cloud is down ({ended} process{'es' * (ended != 1)} ended)" if ended else "the local cloud is down")


@app.command()
def status(*, json_: Json = False, state_dir: StateDir = None) -> None:
    """Show processes, queues, the endpoint, active alarms and scaling activities.

    Exit status 1 if it is not up.
    """
    with report_errors():
        found = inspect(state(state_dir))
    if json_:
        typer.echo(json.dumps(found))
    else:
        for line in status_lines(found):
            put(line)
    if not found["up"]:
        raise typer.Exit(NOT_UP)


@app.command()
def logs(
    names: Annotated[
        list[str] | None, typer.Argument(help="cloud, deploy, a function's logical id, or a model server.")
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the logs until interrupted.")] = False,
    state_dir: StateDir = None,
) -> None:
    """Show the logs of the cloud, its functions and its model servers.

    Example: `tailrace local logs CollectResults --follow`
    """
    with report_errors(), contextlib.suppress(KeyboardInterrupt):
        for name, line in LogFiles(state(state_dir)).lines(names or [], follow=follow):
            put(f"{name:<24} {line}")


@app.command()
def env(*, json_: Json = False, state_dir: StateDir = None) -> None:
    """Print the environment variables with which AWS clients, `tailrace` included, use this cloud.

    Example: `eval "$(tailrace local env)"`
    """
    facts = require_running_cloud(state_dir)
    if json_:
        typer.echo(json.dumps(facts.credentials))
        return
    for name, value in facts.credentials.items():
        line = f"export {name}={shlex.quote(value)}"
        # For `eval`, except on a terminal. With color, nothing is taken out of the line.
        typer.echo(printable(line) if sys.stdout.isatty() else line, color=True)
    typer.echo("unset AWS_PROFILE AWS_SESSION_TOKEN")


def _origin(text: str) -> str:
    try:
        return check_origin(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--allow-origin") from None


def _parameters(texts: list[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            fail(f"--parameter {text!r} is not of the form NAME=VALUE")
        found[name] = value
    return found
