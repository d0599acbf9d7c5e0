"""The containers of an AutoML job's best candidate, from the job's description."""

from __future__ import annotations

from typing import Any

from tailrace_consumers.provide_model.containers import Container, Containers
from tailrace_core.errors import InputError

COMPLETED = "Completed"
_UNDER_WAY = frozenset({"InProgress", "Stopping"})


def best_containers(name: str, job: dict[str, Any]) -> Containers:
    """Return the containers of the job's best candidate, each with its whole environment.

    Raises:
        InputError: the job has no candidate to deploy; the message says what to do.
    """
    _require_completed(name, job)
    candidate = job.get("BestCandidate") or {}
    found = candidate.get("InferenceContainers") or []
    if not found:
        raise InputError(
            f"the AutoML job {name} has completed without a best candidate that lists its containers; tabular jobs "
            "have one when a candidate succeeded: check the job, or give ModelImage and ModelDataUrl"
        )
    return tuple(_container(each) for each in found)


def require_one_container(name: str, containers: Containers) -> None:
    """Refuse a serial pipeline.

    Raises:
        InputError: there are several containers.
    """
    if len(containers) > 1:
        raise InputError(
            f"the best candidate of the AutoML job {name} is a serial pipeline of {len(containers)} containers, which "
            "AWS does not list among what asynchronous endpoints support: train with Mode ENSEMBLING, whose candidates "
            "are one container, or put this candidate behind a real-time endpoint; AllowSerialPipeline=true deploys it "
            "all the same"
        )


def _require_completed(name: str, job: dict[str, Any]) -> None:
    status = job.get("AutoMLJobStatus", "unknown")
    if status == COMPLETED:
        return
    if status in _UNDER_WAY:
        raise InputError(f"the AutoML job {name} is {status}: deploy again when it is {COMPLETED}")
    reason = job.get("FailureReason")
    because = f": {reason}" if reason else ""
    raise InputError(f"the AutoML job {name} is {status}{because}; only a {COMPLETED} job has a model to deploy")


def _container(found: dict[str, Any]) -> Container:
    return Container(found["Image"], found.get("ModelDataUrl", ""), dict(found.get("Environment") or {}))
