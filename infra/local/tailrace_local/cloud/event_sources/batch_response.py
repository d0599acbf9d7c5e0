"""Partial batch responses: which messages of a batch failed, by the function's answer.

Source of the rules: AWS's "Handling errors for an SQS event source in Lambda", success and failure
conditions of ReportBatchItemFailures.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def failed_messages(answer: Any, message_ids: Collection[str], *, reports_failures: bool) -> frozenset[str]:
    """Return the ids of the messages that failed and return to the queue. All others are deleted.

    With `reports_failures` an empty or absent list means complete success, and an answer that does
    not name messages of this batch means complete failure. Without it any answer but an error means
    complete success.
    """
    everything = frozenset(message_ids)
    if not reports_failures or answer is None or answer == {}:
        return frozenset()
    if not isinstance(answer, Mapping):
        return everything
    failures = answer.get("batchItemFailures")
    if failures is None or failures == []:
        return frozenset()
    if not isinstance(failures, list):
        return everything
    named = [failure.get("itemIdentifier") if isinstance(failure, Mapping) else None for failure in failures]
    if not all(isinstance(name, str) and name in everything for name in named):
        return everything
    return frozenset(name for name in named if isinstance(name, str))
