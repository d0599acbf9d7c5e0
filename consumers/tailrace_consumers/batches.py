"""Batches of a queue's messages: each is handled by itself, and the answer names those that are to come again.

Powertools has a processor for this; importing it takes a quarter of a function's cold start (decision 91).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """A message as Lambda hands it over."""

    message_id: str
    body: str


def partial_response(
    event: Mapping[str, Any], handle: Callable[[Record], None], finish: Callable[[], Collection[str]] = tuple
) -> dict[str, Any]:
    """Handle each message; those that raised are delivered again, and go to the dead-letter queue in the end.

    Every message failing is no different from one failing: the answer says which, and the queue counts. ``finish`` does
    what is done for several messages together, and answers with the ids of those for which it could not.
    """
    failed: list[str] = []
    for each in event["Records"]:
        record = Record(each["messageId"], each["body"])
        try:
            handle(record)
        except Exception:  # noqa: BLE001 whatever it is, the other messages are handled
            failed.append(record.message_id)
    failed += [message_id for message_id in finish() if message_id not in failed]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
