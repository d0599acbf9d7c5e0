"""Parliament, on the policies of roles and people: the one that sees an action that does not fit its resource."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from tests.infra.gate.deployments import Deployment
from tests.infra.gate.findings import Finding
from tests.infra.gate.tools import CHECKS, output

# Reads {name: policy} and writes [name, issue, message] for each finding; it runs where parliament
# is installed.
_SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
from parliament import analyze_policy_string, enhance_finding
found = []
for name, policy in json.load(sys.stdin).items():
    for finding in analyze_policy_string(json.dumps(policy)).findings:
        each = enhance_finding(finding)
        found.append([name, each.issue, f"{each.title} {each.detail} {each.location}"])
json.dump(found, sys.stdout)
"""
_BETWEEN = "/"


def policies_fit(deployments: Iterable[Deployment]) -> Iterator[Finding]:
    """Check that actions, resources and conditions fit together, and that nothing escalates privileges."""
    documents = {
        f"{deployment.name}{_BETWEEN}{holder}": {"Version": "2012-10-17", "Statement": statements}
        for deployment in deployments
        for holder, statements in deployment.world().policies.items()
    }
    answer = output([CHECKS / "python", "-c", _SCRIPT], text=json.dumps(documents))
    for name, issue, message in json.loads(answer):
        deployment, holder = name.split(_BETWEEN)
        yield Finding("parliament", issue, deployment, "", holder, message)
