"""The schedule of ReconcileJobs, and its last runs."""

from __future__ import annotations

import json

from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, cannot_tell, fail, ok, warn
from tailrace.doctor.metrics import metric
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import NotFoundError

DUE_S = 900
"""Three periods of the schedule: a run must have begun within this time."""


def state(stack: Deployment) -> Steps[list[Finding]]:
    """Require that the schedule of ReconcileJobs is enabled."""
    names = yield from _names(stack)
    if "Schedule" not in names:
        return [fail("the stack has no schedule for ReconcileJobs", command="sam deploy")]
    group = names.get("Group", "default")
    # An identifier that consists of group and name ends with the name.
    name = names["Schedule"].replace("|", "/").rpartition("/")[2]
    try:
        found = yield Call("scheduler", "get_schedule", {"Name": name, "GroupName": group})
    except NotFoundError:
        advice = "set the stack's parameters to what they are and deploy a template without it, then one with it"
        return [fail(f"the schedule {name} is gone: overdue chunks and deadlines are not seen", advice=advice)]
    if found["State"] != "ENABLED":
        fields = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target", "Description")
        request = {field: found[field] for field in fields if field in found} | {"State": "ENABLED"}
        command = stack.commands.aws("scheduler", "update-schedule", "--cli-input-json", json.dumps(request))
        return [fail(f"the schedule {name} is {found['State']}: overdue chunks are not seen", command=command)]
    return [ok(f"{found['ScheduleExpression']}, {found['State']}")]


def last_run(stack: Deployment) -> Steps[list[Finding]]:
    """Require a recent run of ReconcileJobs, without errors."""
    function = stack.output("ReconcileJobsFunction")
    dimensions = {"FunctionName": function}
    runs = yield from metric(stack, "AWS/Lambda", "Invocations", dimensions, "Sum", DUE_S)
    errors = yield from metric(stack, "AWS/Lambda", "Errors", dimensions, "Sum", DUE_S)
    command = stack.commands.aws(
        "lambda", "get-function", "--function-name", function, "--query", "Configuration.LoggingConfig"
    )
    if not runs and stack.age_s < DUE_S:
        return [cannot_tell("no run yet; the first one begins within five minutes of the deployment")]
    if not runs:
        advice = "look at the schedule, at the dead letters of reconcile-jobs, and at the function's log"
        return [fail(f"no run within {DUE_S // 60} minutes: overdue chunks and deadlines are not seen", advice=advice)]
    if errors:
        return [warn(f"{errors:.0f} of {runs:.0f} runs within {DUE_S // 60} minutes failed", command=command)]
    return [ok(f"{runs:.0f} runs within {DUE_S // 60} minutes, none failed")]


def _names(stack: Deployment) -> Steps[dict[str, str]]:
    """Return the physical ids of schedule and group, which older stacks have in the root."""
    before = {"ReconcileJobsSchedule": "Schedule", "ReconcileJobsScheduleGroup": "Group"}
    found = yield from _resources(stack.name, {"Ticks", *before})
    if "Ticks" in found:
        nested = yield from _resources(found["Ticks"], {"Schedule", "Group"})
        return nested
    return {before[name]: physical for name, physical in found.items()}


def _resources(stack: str, wanted: set[str]) -> Steps[dict[str, str]]:
    names: dict[str, str] = {}
    params: dict[str, str] = {"StackName": stack}
    while True:
        answer = yield Call("cloudformation", "list_stack_resources", params)
        for resource in answer["StackResourceSummaries"]:
            if resource["LogicalResourceId"] in wanted:
                names[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]
        if not answer.get("NextToken"):
            return names
        params = {"StackName": stack, "NextToken": answer["NextToken"]}
