"""Restarts the model servers behind a cloud's endpoint, so that they run changed code."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tailrace_local.control.admin_api import get_json
from tailrace_local.control.fault_admin import FaultAdmin
from tailrace_local.errors import StartError
from tailrace_local.state_directory import CloudFacts, StateDirectory

_POLL_S = 0.1
_TAIL_LINES = 12


def restart_model(
    facts: CloudFacts,
    state: StateDirectory,
    *,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Restart every model server of the endpoint; return their URLs once all answer.

    Requests in flight fail like those of a container that dies, and are tried again.

    Raises:
        StartError: the stack has no endpoint or no instance, or a server does not answer within
            `timeout_s`; the message holds the end of its log.
        FaultPlanError: the cloud does not answer.
    """
    if facts.endpoint_name is None:
        raise StartError("the stack has no endpoint: deploy a template that has one")
    before = {url for one in _instances(facts) for url in one["urls"]}
    if not FaultAdmin(facts.own_url, facts.token).kill_model(facts.endpoint_name):
        raise StartError("no instance runs, so nothing was restarted: the next one starts with the current code")
    deadline = clock() + timeout_s
    while clock() < deadline:
        instances = _instances(facts)
        urls = [url for one in instances for url in one["urls"]]
        if instances and all(one["ready"] for one in instances) and not before & {*urls}:
            return urls
        pause(_POLL_S)
    raise StartError(f"the model server did not answer within {timeout_s:.0f} s\n{_log_end(state)}")


def model_url(facts: CloudFacts) -> str:
    """Return the URL of a model server that answers.

    Raises:
        StartError: the stack has no endpoint, no instance is ready, or the endpoint is a pipeline
            of several containers.
    """
    if facts.endpoint_name is None:
        raise StartError("the stack has no endpoint: deploy a template that has one")
    ready = [one for one in _instances(facts) if one["ready"] and one["urls"]]
    if not ready:
        raise StartError(
            "no instance is ready: see `tailrace local status`; an endpoint that is scaled to zero starts one when a "
            "job is submitted"
        )
    urls: list[str] = ready[0]["urls"]
    if len(urls) > 1:
        raise StartError(
            f"the endpoint is a pipeline of {len(urls)} containers: a request to one of them shows nothing"
        )
    return urls[0]


def _instances(facts: CloudFacts) -> list[dict[str, Any]]:
    found = get_json(f"{facts.own_url}/_tailrace/sagemaker/endpoints/{facts.endpoint_name}") or {}
    return list(found.get("instances") or [])


def _log_end(state: StateDirectory) -> str:
    """Return the last lines of the model servers' newest log."""
    logs = [path for path in state.logs.glob("*.log") if path.name not in {"cloud.log", "deploy.log"}]
    if not logs:
        return "it has no log"
    newest = max(logs, key=lambda path: path.stat().st_mtime)
    lines = newest.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join([f"the end of {newest}:", *lines])
