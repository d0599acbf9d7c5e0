"""What AWS charges nobody for, each month, in commercial regions: what is used beyond it is paid.

It is the whole account's: whoever uses it up elsewhere pays the list price here. Like `tailrace.costs.prices` it was
written down without AWS's pages at hand, and is an input, not knowledge. Not for China, whose offers are others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FreeTier:
    """What is free for ever, not for the first year; all zero: no free tier."""

    queue_requests: int = 0
    function_runs: int = 0
    function_gb_seconds: float = 0.0
    schedule_runs: int = 0
    metrics: int = 0
    alarm_metrics: int = 0
    dashboards: int = 0


NONE = FreeTier()
COMMERCIAL = FreeTier(
    queue_requests=1_000_000,
    function_runs=1_000_000,
    function_gb_seconds=400_000.0,
    schedule_runs=14_000_000,
    metrics=10,
    alarm_metrics=10,
    dashboards=3,
)
FREE_TIERS = {"eu-west-1": COMMERCIAL, "cn-north-1": NONE}
