"""`tailrace local model …`: the model server behind the endpoint."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tailrace_local.cli.common import Json, StateDir, put, report_errors, require_running_cloud, state

model = typer.Typer(no_args_is_help=True, help="The model server behind the endpoint.")


@model.callback()
def _group() -> None:
    """Keep `restart` a command of its own while it is the only one."""


@model.command()
def restart(
    *,
    timeout: Annotated[float, typer.Option(help="Seconds that the server may take to answer GET /ping.")] = 120.0,
    json_: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Restart the model server, so that it runs changed code; returns once it answers.

    Example: `tailrace local model restart`
    """
    # Slow to import, and no other command needs it.
    from tailrace_local.control.model_restart import restart_model  # noqa: PLC0415

    facts = require_running_cloud(state_dir)
    with report_errors():
        urls = restart_model(facts, state(state_dir), timeout_s=timeout)
    if json_:
        typer.echo(json.dumps({"urls": urls}))
    else:
        put(f"the model answers at {', '.join(urls)}")
