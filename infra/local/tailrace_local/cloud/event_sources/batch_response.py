"""What a function's answer means for the messages of its batch.

Source of the rules: AWS's "Handling errors for an SQS event source in Lambda", success and failure conditions of
ReportBatchItemFailures.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def failed_messages(answer: Any, message_ids: Collection[str], *, reports_failures: bool) -> frozenset[str]:
    """The ids of the messages that come back to the queue; all others are deleted.

    With `reports_failures` an empty or absent list is whole success, and anything that does not name messages of this
    batch is whole failure. Without it any answer that is no error is whole success.
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
