"""The installed MiniStack is as the cloud declares it; a new version fails here first."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tailrace_local.control.workspace import Workspace
from tests.tools import skipped_without_tools

CHECKS = {
    "the version is the pinned one": "patching.require_pinned_version()",
    "every declared name is as declared": "catalogue.check_all()",
    "mappings come with account and region": "assert list(MiniStackMappings(MiniStackFunctions()).all()) == []",
    "a function that is not there is not found": (
        "assert MiniStackFunctions().find('123456789012', 'eu-west-1', 'nobody', None) is None"
    ),
    "filters take records and a mapping": (
        "assert MiniStackMappings(MiniStackFunctions()).matching([{'body': 'x'}], {}) == [{'body': 'x'}]"
    ),
    "a stack is deployed by one function": (
        "assert stacks._deploy_stack_async is handlers._deploy_stack_async is changesets._deploy_stack_async"
    ),
    "deferred deletions are None outside a stack's update": (
        "assert provisioners._DEFERRED_PREDECESSOR_DELETES.get() is None "
        "and provisioners._RETAIN_REPLACED.get() is False"
    ),
    "schedules are checked every so many seconds": "assert scheduler._SCHEDULE_TICK_INTERVAL == 10",
    "TLS is switched on by the environment": (
        "os.environ['USE_SSL'] = '1'; assert tls.use_ssl_enabled(); del os.environ['USE_SSL']"
    ),
    "a session is found by its access key": (
        "found = MiniStackIam().assume('arn:aws:iam::123456789012:role/path/r', 'f', duration_s=60); "
        "assert sts._sessions[found.access_key]['Arn'] == 'arn:aws:sts::123456789012:assumed-role/r/f'"
    ),
    "datapoints are stored as the monitor reads them": (
        "metrics = MiniStackMetrics(); metrics.put('N', 'm', {'d': '1'}, [2.0, 4.0], 'Count', 10.0); "
        "assert [(p.timestamp_s, p.total, p.unit) for p in metrics.points('N', 'm', [('d', '1')])] == "
        "[(10.0, 2.0, 'Count'), (10.0, 4.0, 'Count')] and list(metrics.points('N', 'm', [])) == []; "
        "metrics.drop_before(11.0); assert list(metrics.points('N', 'm', [('d', '1')])) == []"
    ),
    "queues and topics can be counted": "MiniStackQueues('123456789012').count_traffic()",
    "a replaced name is still as declared": "catalogue.check_all()",
}
PRELUDE = """
import os
from pathlib import Path
from tailrace_local.cloud.ministack import catalogue, patching
from tailrace_local.cloud.ministack.cloudwatch.metrics import MiniStackMetrics
from tailrace_local.cloud.ministack.environment import Environment
from tailrace_local.cloud.ministack.event_source_mappings import MiniStackMappings
from tailrace_local.cloud.ministack.functions import MiniStackFunctions
from tailrace_local.cloud.ministack.identities import MiniStackIam
from tailrace_local.cloud.ministack.queues import MiniStackQueues
Environment(1, "eu-west-1", "123456789012", Path("."), False).apply()
import ministack.app
from ministack.core import tls
from ministack.services import scheduler, sts
from ministack.services.cloudformation import changesets, handlers, provisioners, stacks
"""


@pytest.mark.cloud
def test_every_private_name_is_as_expected(tmp_path: Path) -> None:
    workspace = Workspace.here()
    with skipped_without_tools():
        python = workspace.tool("cloud")
    script = PRELUDE + "failed = []\n"
    for name, check in CHECKS.items():
        script += f"try:\n    {check}\nexcept Exception as error:\n    failed.append(({name!r}, repr(error)))\n"
    script += "print(failed)\n"
    done = subprocess.run(
        [python, "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": workspace.sources},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-1:], done.stderr[-500:]) == (0, ["[]"], "")
