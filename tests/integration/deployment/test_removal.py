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
    # SageMaker creates an endpoint's log groups; no stack owns them.
    assert {item for item in left if not item.startswith("log group /aws/sagemaker/Endpoints/")} == {
        f"bucket {outputs['Bucket']}",
        f"table {outputs['LedgerTable']}",
    }
    folder = base.stack.cloud.state_dir / "processes"
    assert not [path.name for path in folder.glob("*.json") if "model-server" in path.read_text()]
