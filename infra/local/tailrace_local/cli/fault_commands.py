"""`tailrace local faults`: injects faults by a plan."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tailrace_local.cli.common import Json, StateDir, fail, put, report_errors, require_running_cloud
from tailrace_local.errors import FaultPlanError
from tailrace_local.state_directory import CloudFacts

if TYPE_CHECKING:
    from tailrace_local.control.fault_admin import FaultAdmin

faults = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Inject faults by a repeatable plan. See docs/local-cloud.md.",
)


@faults.command("set")
def set_plan(
    plan: Annotated[Path, typer.Argument(help="Plan as a JSON file; - reads standard input.")],
    *,
    json_: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Replace the fault plan. The counters start at zero.

    Example: `echo '{"sagemaker": {"rules": [{"when": {"rate": 0.1}, "do": {"kind": "drop"}}]}}' |
    tailrace local faults set -`
    """
    admin = _admin(require_running_cloud(state_dir))
    with report_errors():
        from tailrace_local.control.fault_admin import CloudFaultPlan  # noqa: PLC0415 - see `_admin`

        shown = admin.set(CloudFaultPlan.read(_text(plan)))
    _print(shown, json_=json_)


@faults.command()
def show(
    *,
    log: Annotated[bool, typer.Option("--log", help="Print each injected fault as a line of JSON.")] = False,
    json_: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Show the rules, and the number of faults since they were set."""
    admin = _admin(require_running_cloud(state_dir))
    with report_errors():
        if not log:
            _print(admin.show(), json_=json_)
            return
        entries = [{"section": section, **entry} for section, found in admin.log().items() for entry in found]
    for entry in sorted(entries, key=lambda one: one["time"]):
        typer.echo(json.dumps(entry))


@faults.command()
def clear(*, json_: Json = False, state_dir: StateDir = None) -> None:
    """End all faults.

    Counters and log stay until the next plan; held notifications are still published.
    """
    admin = _admin(require_running_cloud(state_dir))
    with report_errors():
        shown = admin.clear()
    _print(shown, json_=json_)


@faults.command("kill-model")
def kill_model(*, json_: Json = False, state_dir: StateDir = None) -> None:
    """Send SIGKILL to the endpoint's model servers; the emulator restarts them."""
    facts = require_running_cloud(state_dir)
    if facts.endpoint_name is None:
        fail("the stack has no endpoint: deploy a template that has one")
    with report_errors():
        killed = _admin(facts).kill_model(facts.endpoint_name)
    if json_:
        typer.echo(json.dumps({"killed": killed}))
    else:
        put(f"killed {', '.join(killed) or 'none: there is no instance'}")


def _admin(facts: CloudFacts) -> FaultAdmin:
    # Slow to import (it loads the SageMaker emulator), and no other command needs it.
    from tailrace_local.control.fault_admin import FaultAdmin  # noqa: PLC0415

    return FaultAdmin(facts.own_url, facts.token)


def _text(plan: Path) -> bytes:
    if str(plan) == "-":
        return sys.stdin.buffer.read()
    try:
        return plan.read_bytes()
    except OSError as error:
        raise FaultPlanError(f"the fault plan cannot be read: {error}") from error


def _print(shown: dict[str, Any], *, json_: bool) -> None:
    if json_:
        typer.echo(json.dumps(shown))
        return
    for section, found in shown.items():
        counts, rules = found["counts"], found["plan"]["rules"]
        put(f"{section:<10} {len(rules)} rules, {counts['total']} faults done")
        for rule in rules:
            put(f"  rule     {rule['name'] or '-'} {json.dumps(rule['when'])} -> {json.dumps(rule['do'])}")
        for name, count in sorted(counts["by_rule"].items()):
            put(f"  done     {count:>7}  {name}")
