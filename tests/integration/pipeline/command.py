"""The command `tailrace` in a process of its own, against the deployed cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailrace_local.testing import RunningCloud

TIMEOUT_S = 180


@dataclass(frozen=True)
class Finished:
    """A command's exit code and its output."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def json(self) -> Any:
        """Return the one JSON object on stdout."""
        return json.loads(self.stdout)

    @property
    def json_lines(self) -> list[Any]:
        """Return the JSON objects on stdout, one a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]


def tailrace(
    cloud: RunningCloud, *arguments: str | Path, stdin: bytes = b"", environment: dict[str, str] | None = None
) -> Finished:
    """Run ``tailrace`` with the cloud's credentials, for at most `TIMEOUT_S` seconds."""
    program = Path(sys.executable).with_name("tailrace")
    done = subprocess.run(
        [program, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, **cloud.environment, **(environment or {})},
    )
    return Finished(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def submit(cloud: RunningCloud, *arguments: str | Path, stdin: bytes = b"") -> Finished:
    """Run ``tailrace submit … --stack … --json``."""
    return tailrace(cloud, "submit", *arguments, "--stack", cloud.facts.stack, "--json", stdin=stdin)


def counts(finished: Finished) -> Sequence[int]:
    """Return the rows of a ``submit --json``: total, scored, rejected and cancelled."""
    return [finished.json[name] for name in ("rows_total", "rows_scored", "rows_rejected", "rows_cancelled")]
