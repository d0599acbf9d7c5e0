"""What runs, where, and how deep its queues are."""

from __future__ import annotations

from typing import Any

from tailrace_local.cloud.serving.router import STATUS_PATH
from tailrace_local.control.admin_api import get_json
from tailrace_local.control.launch import is_up
from tailrace_local.errors import SilentCloudError
from tailrace_local.state_directory import CloudFacts, StateDirectory

# A cloud that answers for a job of ten thousand chunks has been a second late.
_PATIENCE_S = 30.0


def inspect(state: StateDirectory) -> dict[str, Any]:
    """The state of the cloud as one object; `up` says whether it runs and is deployed.

    The cloud says all of it on one page of its own: to ask for each queue's depth takes seconds beside a busy job.

    Raises:
        SilentCloudError: it runs and does not answer.
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
    return found


def _page(facts: CloudFacts) -> dict[str, Any]:
    page = get_json(facts.own_url + STATUS_PATH, timeout_s=_PATIENCE_S)
    if page is None:
        raise SilentCloudError(
            f"the cloud at {facts.endpoint_url} runs and has not answered for {_PATIENCE_S:.0f} s: "
            "see `tailrace local logs cloud`, or end it with `tailrace local down`"
        )
    return page


def _endpoint(facts: CloudFacts) -> dict[str, Any] | None:
    if facts.endpoint_name is None:
        return None
    found = get_json(f"{facts.own_url}/_tailrace/sagemaker/endpoints/{facts.endpoint_name}")
    return {"name": facts.endpoint_name, **(found or {"status": "unknown"})}
