"""The state of a cloud as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def status_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that describe the result of `inspect`."""
    yield f"{'up' if found['up'] else 'down'}  {found.get('endpoint_url', '')}  {found['state_dir']}"
    if "stack" in found:
        yield f"stack      {found['stack']['name']} {found['stack']['status']}"
    if endpoint := found.get("endpoint"):
        yield f"endpoint   {endpoint['name']} {endpoint.get('status', '')}{_instances(endpoint)}"
    for job in found.get("transform_jobs", []):
        reason = f": {job['FailureReason']}" if job.get("FailureReason") else ""
        yield f"transform  {job['TransformJobStatus']:<10}  {job['TransformJobName']}{reason}"
    for process in found["processes"]:
        yield f"process    {process['pid']:>7} {'alive' if process['alive'] else 'dead '} {process['what']}"
    for queue in found.get("queues", []):
        yield f"queue      {queue['visible']:>7} waiting {queue['in_flight']:>5} in flight  {queue['name']}"
    for mapping in found.get("mappings", []):
        yield f"mapping    {mapping['in_flight']:>7} batches  {mapping['queue']} -> {mapping['function']}"
    yield from _watched(found)
    for declared in found.get("declared", []):
        yield f"recorded   {declared['type']} {declared['id']} (nothing acts on it)"


def _instances(endpoint: dict[str, Any]) -> str:
    instances = endpoint.get("instances")
    if instances is None:
        return ""
    ready = sum(bool(instance.get("ready", True)) for instance in instances)
    if serverless := endpoint.get("serverless"):
        executing = sum(int(instance.get("in_flight", 0)) for instance in instances)
        return f", serverless, {ready} warm, {executing} of {serverless['MaxConcurrency']} requests"
    requests = endpoint.get("backlog", 0)
    if endpoint.get("asynchronous") is False:
        requests = sum(int(instance.get("in_flight", 0)) for instance in instances)
    return f", {ready} of {len(instances)} instances ready, {requests} requests"


def _watched(found: dict[str, Any]) -> Iterator[str]:
    alarms = found.get("alarms")
    if alarms is None:
        return
    speaking = alarms["in_alarm"]
    scale = found.get("time_scale", 1.0)
    pace = "" if scale == 1.0 else f"; their minutes take {60 * scale:g} s"
    yield f"alarms     {len(speaking):>7} of {alarms['count']} in ALARM{pace}"
    for alarm in speaking:
        yield f"ALARM      {alarm['name']}  {alarm['reason']}"
    for activity in found.get("scaling", []):
        yield (
            f"scaling    {activity['from']:>7} -> {activity['to']} {activity['status']}  {activity['target']}: "
            f"{activity['cause']}"
        )
