"""What runs, where, and how deep its queues are."""

from __future__ import annotations

from typing import Any

from tailrace_local.cloud.front import STATUS_PATH
from tailrace_local.deployment import ask, client
from tailrace_local.launch import is_up
from tailrace_local.state import CloudFacts, StateDirectory
from tailrace_local.teardown import alive

_DEPTHS = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


def inspect(state: StateDirectory) -> dict[str, Any]:
    """The state of the cloud as one object; `up` says whether it runs and is deployed."""
    facts = state.read_facts()
    up = facts is not None and is_up(state)
    found: dict[str, Any] = {
        "up": up,
        "state_dir": str(state.root),
        "processes": [
            {"what": record.what, "pid": record.pid, "alive": alive(record)} for record in state.records().values()
        ],
    }
    if facts and up:
        found |= {"endpoint_url": facts.endpoint_url, "region": facts.region, **_stack(facts)}
        found |= ask(facts.own_url + STATUS_PATH) or {}
        found["endpoint"] = _endpoint(facts)
    return found


def _stack(facts: CloudFacts) -> dict[str, Any]:
    (stack,) = client(facts, "cloudformation").describe_stacks(StackName=facts.stack)["Stacks"]
    return {"stack": {"name": facts.stack, "status": stack["StackStatus"]}, "queues": _queues(facts)}


def _queues(facts: CloudFacts) -> list[dict[str, Any]]:
    sqs = client(facts, "sqs")
    pages = sqs.get_paginator("list_queues").paginate()
    urls = [url for page in pages for url in page.get("QueueUrls", [])]
    found = []
    for url in urls:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_DEPTHS.values()))["Attributes"]
        depths = {name: int(attributes.get(attribute, 0)) for name, attribute in _DEPTHS.items()}
        found.append({"name": url.rsplit("/", 1)[-1], **depths})
    return found


def _endpoint(facts: CloudFacts) -> dict[str, Any] | None:
    if facts.endpoint_name is None:
        return None
    found = ask(f"{facts.own_url}/_tailrace/sagemaker/endpoints/{facts.endpoint_name}")
    return {"name": facts.endpoint_name, **(found or {"status": "unknown"})}
