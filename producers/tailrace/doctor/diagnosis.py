"""Diagnoses: all checks of a stack, or of an account before a deployment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from tailrace.doctor.checks import Check
from tailrace.doctor.commands import Commands
from tailrace.doctor.deployment import Deployment, look_up
from tailrace.doctor.findings import Finding, fail
from tailrace.doctor.preflight.plan import Plan
from tailrace.doctor.preflight.table import CHECKS as PREFLIGHT
from tailrace.doctor.runner import Runner
from tailrace.doctor.stack.table import CHECKS
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import AccessDeniedError, PermanentError

LOOK_UP = "cloudformation:DescribeStacks"
"""The action without which nothing is known of a stack."""


def diagnose(
    name: str,
    commands: Commands,
    execute: Callable[[Call], Any],
    *,
    timeout_s: float = 60.0,
    now: Callable[[], float] = time.time,
) -> Iterator[Finding]:
    """Yield the findings of a deployed stack. AWS's errors become findings.

    Looking the stack up and all checks take at most ``timeout_s`` seconds each.
    """
    runner = Runner(execute, timeout_s=timeout_s)
    found: list[Deployment] = []

    def read(_: None) -> Steps[list[Finding]]:
        try:
            found.append((yield from look_up(name, commands, now)))
        except AccessDeniedError:
            raise
        except PermanentError as error:
            command = commands.aws("cloudformation", "describe-stacks", "--query", "Stacks[].StackName")
            return [fail(f"there is no stack {name!r}: {error}", command=command)]
        return []

    problems = list(runner.run([Check("stack", (LOOK_UP,), read)], None))
    yield from problems
    if found:
        yield from runner.run(CHECKS, found[0])


def examine(plan: Plan, execute: Callable[[Call], Any], *, timeout_s: float = 60.0) -> Iterator[Finding]:
    """Yield the findings of an account in which a deployment is planned; nothing is changed."""
    yield from Runner(execute, timeout_s=timeout_s).run(PREFLIGHT, plan)
