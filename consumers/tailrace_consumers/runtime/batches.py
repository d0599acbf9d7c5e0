"""Batches of a queue's messages: each is handled by itself, and the answer names those that are to come again.

Powertools has a processor for this; importing it takes a quarter of a function's cold start (decision 91).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tailrace_consumers.ports import AloneError
from tailrace_consumers.runtime.side_by_side import side_by_side

AT_A_TIME = 4
"""So many messages of a batch a function that waits most of the time handles at once (decision 95)."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message as Lambda hands it over."""

    message_id: str
    body: str
    alone: bool = True
    """False while others may be handled beside it."""


def partial_response(
    event: Mapping[str, Any],
    handle: Callable[[Record], None],
    finish: Callable[[], Collection[str]] = tuple,
    *,
    at_a_time: int = 1,
) -> dict[str, Any]:
    """Handle each message; those that raised are delivered again, and go to the dead-letter queue in the end.

    Every message failing is no different from one failing: the answer says which, and the queue counts. ``finish`` does
    what is done for several messages together, and answers with the ids of those for which it could not.

    With ``at_a_time`` messages are handled by threads. Whose ``handle`` raises `AloneError` then is handled again, when
    all others are done.
    """
    records = [Record(each["messageId"], each["body"]) for each in event["Records"]]
    failed: set[str] = set()
    alone: list[Record] = []

    def one(record: Record) -> None:
        try:
            handle(record)
        except Exception as exc:  # noqa: BLE001 whatever it is, the other messages are handled
            if isinstance(exc, AloneError) and not record.alone:
                alone.append(replace(record, alone=True))
            else:
                failed.add(record.message_id)

    if min(at_a_time, len(records)) > 1:
        side_by_side(one, [replace(each, alone=False) for each in records], at_a_time=at_a_time)
    else:
        alone = records
    for record in alone:
        one(record)
    failed.update(finish())
    return {"batchItemFailures": [{"itemIdentifier": each.message_id} for each in records if each.message_id in failed]}
