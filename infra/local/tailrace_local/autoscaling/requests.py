"""Scalable targets in requests, and the error for a missing resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailrace_local.autoscaling.records import KEY, TargetKey
from tailrace_local.emulator_base.errors import ApiError

Request = Mapping[str, Any]


def target_key(request: Request) -> TargetKey:
    """Return the target that a request names."""
    return tuple(str(request[name]) for name in KEY)  # type: ignore[return-value]  # KEY has three


def matches_request(key: TargetKey, request: Request) -> bool:
    """Return whether a target matches a Describe request. A member that is left out matches all."""
    return all(request.get(name) in {None, value} for name, value in zip(KEY, key, strict=True))


def not_found(message: str) -> ApiError:
    """Return the error for a resource that does not exist."""
    return ApiError("ObjectNotFoundException", message)
