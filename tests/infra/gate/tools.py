"""The checkers' programs: their paths, and running one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.infra.templates import ROOT

CHECKS = ROOT / ".tools/checks/bin"
NODE = ROOT / ".tools/node/bin/node"
NODE_MODULES = ROOT / ".tools/npm/node_modules"
GUARD_RULES = NODE_MODULES / "@cdklabs/cdk-validator-cfnguard/rules/control-tower/cfn-guard"
_TIMEOUT_S = 300


class ToolError(RuntimeError):
    """A checker did not run: its lack of findings means nothing."""


def beside_python(name: str) -> str:
    """Return the path of a program in this Python's environment."""
    return str(Path(sys.executable).with_name(name))


def output(
    command: Sequence[str | Path],
    *,
    accepted: Sequence[int] = (0,),
    text: str = "",
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program and return its standard output.

    Args:
        command: The program and its arguments.
        accepted: Exit codes that do not mean failure; most checkers have one for findings.
        text: Its standard input.
        environment: Variables beside those of this process.

    Raises:
        ToolError: it is missing, or ended otherwise.
    """
    try:
        done = subprocess.run(
            list(map(str, command)),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
            env={**os.environ, **(environment or {})},
        )
    except FileNotFoundError as missing:
        raise ToolError(f"{command[0]} is missing: `make setup` installs it") from missing
    if done.returncode not in accepted:
        raise ToolError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
