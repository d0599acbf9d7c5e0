"""AWS's free tier per month in commercial regions; usage beyond it is paid.

The free tier belongs to the whole account: if other work uses it up, the list price applies here.
Like `tailrace.costs.prices`, it was written down without AWS's pages at hand, and is an input, not
knowledge. It does not apply to China, where AWS's offers differ.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FreeTier:
    """Amounts that stay free after the first year; all zero means no free tier."""

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
