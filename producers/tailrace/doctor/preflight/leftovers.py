"""The stack's name: a stack of that name, and what an earlier one left behind."""

from __future__ import annotations

from typing import Any

from tailrace.doctor.findings import Finding, fail, ok, problems_or, warn
from tailrace.doctor.preflight.plan import Plan
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import AccessDeniedError, PermanentError

_GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})
_MAX_KEYS = 100
_KEEP = "it may hold results and jobs: delete it only if nobody needs them"


def _stack(name: str) -> Steps[dict[str, Any] | None]:
    """Return a stack by name; None when there is none."""
    try:
        answer = yield Call("cloudformation", "describe_stacks", {"StackName": name})
    except AccessDeniedError:
        raise
    except PermanentError as error:
        if "does not exist" not in str(error):
            raise
        return None
    found: dict[str, Any] = answer["Stacks"][0]
    return found


def state(plan: Plan) -> Steps[list[Finding]]:
    """Require a name that is free, or a stack that can be updated."""
    stack = yield from _stack(plan.stack)
    if stack is None:
        return [ok(f"there is no stack {plan.stack} yet")]
    status = stack["StackStatus"]
    seen = f"the stack {plan.stack} is {status}"
    if status in _GOOD:
        return [ok(f"{seen}: the deployment will update it")]
    if status == "REVIEW_IN_PROGRESS":
        return [warn(f"{seen}: a deployment was not confirmed", command=_delete(plan))]
    if status.endswith("IN_PROGRESS"):
        return [fail(f"{seen}: another deployment is running", advice="wait for its end")]
    if status == "UPDATE_ROLLBACK_FAILED":
        command = plan.commands.aws("cloudformation", "continue-update-rollback", "--stack-name", plan.stack)
        return [fail(f"{seen} and takes no update", command=command)]
    return [fail(f"{seen} and takes no update: delete it first", command=_delete(plan))]


def _delete(plan: Plan) -> str:
    return plan.commands.aws("cloudformation", "delete-stack", "--stack-name", plan.stack)


def orphans(plan: Plan) -> Steps[list[Finding]]:
    """Report the bucket, table and key that an earlier stack of that name left behind."""
    stack = yield from _stack(plan.stack)
    used = {each["OutputValue"] for each in (stack or {}).get("Outputs", ())}
    if stack is not None and not used:
        return [ok("the stack is not complete; what it holds is not known yet")]
    found = [
        warn(
            f"the bucket {name} of an earlier stack is there",
            command=plan.commands.aws("s3api", "delete-bucket", "--bucket", name),
            advice=f"{_KEEP}, and empty it first, versions included",
        )
        for name in (yield from _buckets(f"{plan.stack.lower()}-bucket-"))
        if name not in used
    ]
    found += [
        warn(
            f"the table {name} of an earlier stack is there",
            command=plan.commands.aws("dynamodb", "delete-table", "--table-name", name),
            advice=f"{_KEEP}; turn its deletion protection off first",
        )
        for name in (yield from _tables(f"{plan.stack}-LedgerTable-"))
        if name not in used
    ]
    if plan.customer_managed_key:
        found += [
            warn(
                f"the key {arn} of an earlier stack is there, a dollar a month",
                command=plan.commands.aws("kms", "schedule-key-deletion", "--key-id", arn),
                advice="what it encrypted cannot be read without it: delete it last",
            )
            for arn in (yield from _keys(f"Everything that the stack {plan.stack} keeps"))
            if arn not in used
        ]
    return problems_or(found, "nothing is left of an earlier stack")


def _buckets(prefix: str) -> Steps[list[str]]:
    answer = yield Call("s3", "list_buckets", {})
    return [each["Name"] for each in answer["Buckets"] if each["Name"].startswith(prefix)]


def _tables(prefix: str) -> Steps[list[str]]:
    found: list[str] = []
    params: dict[str, str] = {}
    while True:
        answer = yield Call("dynamodb", "list_tables", params)
        found += [name for name in answer["TableNames"] if name.startswith(prefix)]
        if not answer.get("LastEvaluatedTableName"):
            return found
        params = {"ExclusiveStartTableName": answer["LastEvaluatedTableName"]}


def _keys(description: str) -> Steps[list[str]]:
    """Return enabled keys with a description, among the first hundred of the account."""
    found: list[str] = []
    answer = yield Call("kms", "list_keys", {"Limit": _MAX_KEYS})
    for each in answer["Keys"]:
        described = yield Call("kms", "describe_key", {"KeyId": each["KeyId"]})
        metadata = described["KeyMetadata"]
        if metadata.get("Description") == description and metadata["KeyState"] == "Enabled":
            found.append(metadata["Arn"])
    return found
