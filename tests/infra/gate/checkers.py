"""Every checker by its name: each takes deployments and finds what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tests.infra.gate.deployments import Deployment
from tests.infra.gate.findings import Finding
from tests.infra.gate.linting import linted
from tests.infra.gate.own import access, rules_kept
from tests.infra.gate.policies import policies_fit
from tests.infra.gate.scanning import cdk_nag, checkov
from tests.infra.gate.validation import controls, valid

Checker = Callable[[Sequence[Deployment]], Iterable[Finding]]

# Those that run in this process, in a fraction of a second for a deployment.
QUICK: dict[str, Checker] = {"rules": rules_kept, "access": access, "validate": valid, "control-tower": controls}
# Those that start a program, which is what takes the time: they are given many deployments at once.
# The slowest first.
PROGRAMS: dict[str, Checker] = {
    "checkov": checkov,
    "cfn-lint": linted,
    "cdk-nag": cdk_nag,
    "parliament": policies_fit,
}
CHECKERS: dict[str, Checker] = {**PROGRAMS, **QUICK}
