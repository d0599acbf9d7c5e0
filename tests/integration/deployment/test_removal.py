"""Deletion of a stack leaves what it retains on purpose, nothing else.

By its name this file runs last.
"""

from __future__ import annotations

import pytest

from tests.integration.deployment.conftest import Base
from tests.integration.deployment.inventory import inventory

pytestmark = pytest.mark.cloud


def test_a_deleted_stack_leaves_the_bucket_and_the_ledger(base: Base) -> None:
    outputs = base.stack.outputs
    base.stack.delete()
    left = inventory(base.stack.cloud) - base.before
    # SageMaker creates the log groups of endpoints and transform jobs; no stack owns them. Stacks that
    # other tests made beside this one left their data.
    not_its_own = ("log group /aws/sagemaker/", *(f"{kind} {base.stack.name}-engines-" for kind in ("bucket", "table")))
    assert {item for item in left if not item.startswith(not_its_own)} == {
        f"bucket {outputs['Bucket']}",
        f"table {outputs['LedgerTable']}",
    }
    folder = base.stack.cloud.state_dir / "processes"
    assert not [path.name for path in folder.glob("*.json") if "model-server" in path.read_text()]
