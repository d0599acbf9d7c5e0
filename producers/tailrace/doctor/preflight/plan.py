"""The deployment that is planned: the values of the template's parameters that checks need."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from tailrace.doctor.commands import Commands

_FETCH_TIMEOUT_S = 10
_FETCH_BYTES = 1_000_000


def fetch(url: str) -> bytes:
    """Return the first megabyte of what an address of AWS answers.

    Raises:
        OSError: it does not answer within ten seconds, or refuses.
        ValueError: it is not an HTTPS address.
    """
    if not url.startswith("https://"):
        raise ValueError(f"{url} is not an HTTPS address")
    with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_S) as answer:  # noqa: S310 - checked above
        data: bytes = answer.read(_FETCH_BYTES)
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A deployment of the template; fields are its parameters unless said otherwise."""

    stack: str
    """Name of the stack."""
    region: str
    commands: Commands
    now: Callable[[], float]
    """Seconds since the epoch."""
    instance_type: str = "ml.m5.large"
    instance_count: int = 1
    max_instance_count: int = 0
    maximum_concurrency: int = 10
    reserved_concurrency: int = 0
    image: str = ""
    model_data: str = ""
    customer_managed_key: bool = False
    deployer: str = ""
    """ARN of the user or role that will deploy; empty for the caller itself."""
    fetch: Callable[[str], bytes] = fetch

    @property
    def most_instances(self) -> int:
        """Instances that the endpoint may have."""
        return max(self.instance_count, self.max_instance_count)
