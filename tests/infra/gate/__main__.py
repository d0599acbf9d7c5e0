"""Runs every checker over every way to deploy: `python -m tests.infra.gate`, the last part of `make check`."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.infra.gate.checkers import CHECKERS
from tests.infra.gate.deployments import DEPLOYMENTS
from tests.infra.gate.findings import Finding, acknowledgements, judge
from tests.infra.gate.tools import ToolError

# The programs are processes of their own: as many at once as most machines have processors.
_AT_ONCE = 2


def _check(name: str) -> tuple[str, list[Finding], float]:
    started = time.monotonic()
    found = list(CHECKERS[name](DEPLOYMENTS))
    return name, found, time.monotonic() - started


def main() -> int:
    """Print unacknowledged findings and acknowledgements that match none; return 0 if there are neither."""
    accepted = acknowledgements()
    findings: list[Finding] = []
    for deployment in DEPLOYMENTS:  # translated once, before threads would do it each
        deployment.stacks  # noqa: B018
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for name, found, took_s in pool.map(_check, CHECKERS):
                print(f"{name}: {len(found)} findings in {took_s:.1f} s")
                findings += found
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    verdict = judge(findings, accepted)
    for problem in (*verdict.open, *verdict.unused):
        print(problem)
    print(f"{len(findings) - len(verdict.open)} findings are acknowledged in infra/checks/acknowledgements.toml")
    return 1 if verdict.open or verdict.unused else 0


if __name__ == "__main__":
    sys.exit(main())
