"""Batches of a queue's messages: each is handled by itself, and the answer names those that are to come again.

Powertools has a processor for this; importing it takes a quarter of a function's cold start (decision 91).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tailrace_consumers.ports import DeferToSerialError
from tailrace_consumers.runtime.side_by_side import side_by_side

CONCURRENCY = 4
"""So many messages of a batch a function that waits most of the time handles at once (decision 95)."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message as Lambda hands it over."""

    message_id: str
    body: str
    serial: bool = True
    """False while others may be handled beside it."""


def process_batch(
    event: Mapping[str, Any],
    handle: Callable[[Record], None],
    finish: Callable[[], Collection[str]] = tuple,
    *,
    concurrency: int = 1,
) -> dict[str, Any]:
    """Handle each message; those that raised are delivered again, and go to the dead-letter queue in the end.

    Every message failing is no different from one failing: the answer says which, and the queue counts. ``finish`` does
    what is done for several messages together, and answers with the ids of those for which it could not.

    With ``concurrency`` above 1, threads handle the messages. A message whose ``handle`` raises
    `DeferToSerialError` is handled again, alone, after all others.
    """
    records = [Record(each["messageId"], each["body"]) for each in event["Records"]]
    failed: set[str] = set()
    serial: list[Record] = []

    def one(record: Record) -> None:
        try:
            handle(record)
        except Exception as exc:  # noqa: BLE001 whatever it is, the other messages are handled
            if isinstance(exc, DeferToSerialError) and not record.serial:
                serial.append(replace(record, serial=True))
            else:
                failed.add(record.message_id)

    if min(concurrency, len(records)) > 1:
        side_by_side(one, [replace(each, serial=False) for each in records], concurrency=concurrency)
    else:
        serial = records
    for record in serial:
        one(record)
    failed.update(finish())
    return {"batchItemFailures": [{"itemIdentifier": each.message_id} for each in records if each.message_id in failed]}
