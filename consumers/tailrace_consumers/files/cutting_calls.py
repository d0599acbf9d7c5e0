"""The calls of the functions that cut: how often they are tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tailrace_consumers.adapters.body_reading import reading_bodies
from tailrace_consumers.adapters.direct_executor import DirectExecutor
from tailrace_consumers.adapters.serialized_transactions import serialize_transactions
from tailrace_core.aws.calls import Call
from tailrace_core.aws.retrying import RetryPolicy, retrying

CUTTING_POLICY = RetryPolicy(max_tries=100, cap_s=5.0)
"""Hundreds of functions share what one partition of the ledger takes, and one that gave up would
read its stripe again; see decision 165."""


def cutting_calls() -> Callable[[Call], Any]:
    """Return the executor of the functions that cut."""
    return retrying(reading_bodies(serialize_transactions(DirectExecutor())), policy=CUTTING_POLICY)
