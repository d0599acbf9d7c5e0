"""Inspects a cloud: processes, stack, queues, endpoint, alarms."""

from __future__ import annotations

from typing import Any

from tailrace_local.cloud.serving.router import STATUS_PATH
from tailrace_local.control.admin_api import TIMEOUT_S, get_json
from tailrace_local.control.launch import is_up
from tailrace_local.errors import SilentCloudError
from tailrace_local.state_directory import CloudFacts, StateDirectory

SHOWN_JOBS = 5
"""Transform jobs that are shown, the latest ones."""


def inspect(state: StateDirectory) -> dict[str, Any]:
    """Return the state of the cloud as one object; `up` says whether it runs and is deployed.

    All of it comes from one page of the cloud: calls for each queue's depth take seconds during a
    busy job.

    Raises:
        SilentCloudError: the cloud runs and does not answer.
    """
    facts = state.read_facts()
    up = facts is not None and is_up(state)
    found: dict[str, Any] = {
        "up": up,
        "state_dir": str(state.root),
        "processes": [
            {"what": record.what, "pid": record.pid, "alive": record.alive()} for record in state.records().values()
        ],
    }
    if facts and up:
        page = _page(facts)
        status = {stack["name"]: stack["status"] for stack in page.pop("stacks")}.get(facts.stack, "unknown")
        found |= {"endpoint_url": facts.endpoint_url, "region": facts.region}
        found |= {"stack": {"name": facts.stack, "status": status}, **page}
        found["endpoint"] = _endpoint(facts)
        found["transform_jobs"] = _transform_jobs(facts)
    return found


def _page(facts: CloudFacts) -> dict[str, Any]:
    page = get_json(facts.own_url + STATUS_PATH)
    if page is None:
        raise SilentCloudError(
            f"the cloud at {facts.endpoint_url} runs and has not answered for {TIMEOUT_S:.0f} s: "
            "see `tailrace local logs cloud`, or end it with `tailrace local down`"
        )
    return page


def _endpoint(facts: CloudFacts) -> dict[str, Any] | None:
    if facts.endpoint_name is None:
        return None
    found = get_json(f"{facts.own_url}/_tailrace/sagemaker/endpoints/{facts.endpoint_name}")
    return {"name": facts.endpoint_name, **(found or {"status": "unknown"})}


def _transform_jobs(facts: CloudFacts) -> list[dict[str, Any]]:
    found = get_json(f"{facts.own_url}/_tailrace/sagemaker/transform-jobs")
    return list((found or {}).get("transform_jobs", ()))[-SHOWN_JOBS:]
