"""Storage: the bucket, the ledger's table and the customer-managed key."""

from __future__ import annotations

from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, fail, ok
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import NotFoundError

_KEPT = "jobs and results were in it and are lost unless a copy exists; a new stack makes a new one"


def bucket(stack: Deployment) -> Steps[list[Finding]]:
    """Require the bucket."""
    name = stack.output("Bucket")
    try:
        yield Call("s3", "head_bucket", {"Bucket": name})
    except NotFoundError:
        return [fail(f"the bucket {name} is gone", advice=_KEPT)]
    return [ok(f"{name} is there")]


def ledger(stack: Deployment) -> Steps[list[Finding]]:
    """Require the ledger's table with its indexes."""
    name = stack.output("LedgerTable")
    try:
        answer = yield Call("dynamodb", "describe_table", {"TableName": name})
    except NotFoundError:
        return [fail(f"the table {name} is gone", advice=_KEPT)]
    table = answer["Table"]
    indexes = {each["IndexName"] for each in table.get("GlobalSecondaryIndexes", ())}
    if table["TableStatus"] not in {"ACTIVE", "UPDATING"} or not {"due", "created"} <= indexes:
        seen = f"the table {name} is {table['TableStatus']} with the indexes {', '.join(sorted(indexes)) or 'none'}"
        return [fail(seen, advice="deploy the current template")]
    return [ok(f"{name} is {table['TableStatus']}")]


def key(stack: Deployment) -> Steps[list[Finding]]:
    """Require the key to be usable, where the stack has one of its own."""
    arn = stack.outputs.get("KeyArn")
    if not arn:
        return [ok("AWS's own keys encrypt")]
    found = yield Call("kms", "describe_key", {"KeyId": arn})
    state = found["KeyMetadata"]["KeyState"]
    if state == "PendingDeletion":
        return [
            fail(
                f"the key {arn} is about to be deleted; everything that it encrypted goes with it",
                command=f"{stack.commands.aws('kms', 'cancel-key-deletion', '--key-id', arn)} && "
                f"{stack.commands.aws('kms', 'enable-key', '--key-id', arn)}",
            )
        ]
    if state != "Enabled":
        command = stack.commands.aws("kms", "enable-key", "--key-id", arn)
        return [fail(f"the key {arn} is {state}: nothing can be read or written", command=command)]
    return [ok(f"{arn} is Enabled")]
