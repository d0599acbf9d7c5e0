"""Faults of a plan reach calls that functions make without botocore, on the chosen side of each."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from tailrace_consumers.adapters.direct_executor import DirectExecutor
from tailrace_core.aws.calls import Call
from tailrace_core.errors import ThrottledError, TransientError
from tailrace_local.cloud.functions.fault_injection.rules import FaultRules
from tailrace_local.cloud.functions.fault_injection.runtime import FaultInjector

PLAIN = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-west-1"}
UPDATE = Call("dynamodb", "update_item", {"TableName": "table", "Key": {}})


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        ({"kind": "unreachable"}, TransientError, 0),
        ({"kind": "lose_reply"}, TransientError, 1),
        ({"kind": "refuse", "code": "ThrottlingException", "status": 400, "message": "slow"}, ThrottledError, 0),
    ],
)
def test_a_fault_ends_one_call_once_and_whole(
    fault: dict[str, Any], error: type[TransientError], effects: int, tmp_path: Path
) -> None:
    """Each stands for a call whose retries are exhausted: the executor's own do not hide it."""
    when = {"function": "*", "call": "dynamodb.UpdateItem", "after": 0, "limit": 1}
    plan = {"seed": 1, "rules": [{"name": "", "when": when, "do": fault}]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    injector = FaultInjector(FaultRules(tmp_path, "Function"), botocore.exceptions, lambda _: None)
    sent: list[Call] = []

    def send(call: Call, _: object) -> dict[str, Any]:
        sent.append(call)
        return {}

    executor = DirectExecutor(PLAIN, call=send, by_botocore=lambda _: {"by": "botocore"})
    execute = injector.around_direct_call(DirectExecutor.__call__)
    with pytest.raises(error) as caught:
        execute(executor, UPDATE)
    assert type(caught.value) is error
    assert len(sent) == effects
    # Other calls, and those that are botocore's, which has events of its own, go on.
    assert execute(executor, Call("dynamodb", "get_item", {})) == {}
    assert execute(executor, Call("sagemaker", "create_model", {})) == {"by": "botocore"}


@pytest.mark.parametrize("block", [3, 4, 100], ids=["inside a block", "between blocks", "in the first block"])
def test_an_object_breaks_off_while_it_is_read(block: int, tmp_path: Path) -> None:
    when = {"function": "*", "call": "s3.GetObject", "after": 0, "limit": 1}
    plan = {"seed": 1, "rules": [{"name": "", "when": when, "do": {"kind": "break_body", "after_bytes": 8}}]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    injector = FaultInjector(FaultRules(tmp_path, "Function"), botocore.exceptions, lambda _: None)
    executor = DirectExecutor(PLAIN, call=lambda *_: {"Body": io.BytesIO(b"0123456789")})
    execute = injector.around_direct_call(DirectExecutor.__call__)
    read = Call("s3", "get_object", {"Bucket": "bucket", "Key": "key"})
    body, received = execute(executor, read)["Body"], io.BytesIO()
    with pytest.raises(TransientError):
        received.writelines(iter(lambda: body.read(block), b""))
    assert received.getvalue() == b"01234567"
    assert body.closed
    assert execute(executor, read)["Body"].read() == b"0123456789"
