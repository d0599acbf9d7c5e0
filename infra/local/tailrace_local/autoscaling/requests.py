"""How requests name what they are about, and how ARNs are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailrace_local.autoscaling.records import KEY, TargetKey
from tailrace_local.emulation.errors import ApiError

Request = Mapping[str, Any]


def target_key(request: Request) -> TargetKey:
    """The target that a request names."""
    return tuple(str(request[name]) for name in KEY)  # type: ignore[return-value]  # KEY has three


def matches_request(key: TargetKey, request: Request) -> bool:
    """Whether a Describe operation asks for it: what it leaves open it asks for too."""
    return all(request.get(name) in {None, value} for name, value in zip(KEY, key, strict=True))


def not_found(message: str) -> ApiError:
    """What is named is not there."""
    return ApiError("ObjectNotFoundException", message)
