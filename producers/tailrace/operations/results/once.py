"""Effects once only, across processes: the ids of handled events in a table of DynamoDB.

The table is that of Powertools' idempotency utility: a string key ``id``, and a time to live in
``expiration``. Needs the extra ``[once]``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from tailrace_core.errors import ConfigurationError

EXPIRES_S = 14 * 24 * 3600
"""How long a handled id is kept, in seconds: as long as SQS can keep a message."""


class BeingHandledError(Exception):
    """Another process is handling the event, or died while it was."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"being handled elsewhere; try again in {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class PersistenceLayer(Protocol):
    """Powertools' persistence layer, as far as it is used here."""

    def save_inprogress(self, data: Any, remaining_time_in_millis: int | None = None) -> None:
        """Record that the handling begins, unless it is recorded."""

    def save_success(self, data: Any, result: Any) -> None:
        """Record that the handling succeeded."""

    def delete_record(self, data: Any, exception: Exception) -> None:
        """Forget that the handling began."""


class OnceTable:
    """Records which events are in work and which are done.

    A process that dies leaves its event in work for ``max_hold_s``: until then no other process
    handles it. ``retry_after_s`` spaces the tries so that they last longer than that.
    """

    def __init__(self, layer: PersistenceLayer, *, max_hold_s: float) -> None:
        self._layer = layer
        self._max_hold_s = max_hold_s

    @classmethod
    def of(cls, table: str, client: Any, *, queue: str, max_hold_s: float, expires_s: int = EXPIRES_S) -> OnceTable:
        """Build the table's layer with a boto3 client of DynamoDB; ids are kept for each ``queue``.

        Raises:
            ConfigurationError: Powertools is not installed.
        """
        try:
            from aws_lambda_powertools.utilities.idempotency import (  # noqa: PLC0415 - comes with the extra [once]
                DynamoDBPersistenceLayer,
                IdempotencyConfig,
            )
        except ImportError as exc:
            raise ConfigurationError("`once` needs the extra [once]: install tailrace[once]") from exc
        layer = DynamoDBPersistenceLayer(table_name=table, boto3_client=client)
        layer.configure(IdempotencyConfig(expires_after_seconds=expires_s), function_name=queue)
        return cls(layer, max_hold_s=max_hold_s)

    @contextlib.contextmanager
    def claimed(self, event_id: str) -> Iterator[bool]:
        """Yield whether the event is to be handled; record the success, or forget the try.

        Raises:
            BeingHandledError: another process has claimed it.
        """
        if not self.begin(event_id):
            yield False
            return
        try:
            yield True
        except Exception as exc:
            self.fail(event_id, exc)
            raise
        self.succeed(event_id)

    def begin(self, event_id: str) -> bool:
        """Claim an event; return false if it was handled before.

        Raises:
            BeingHandledError: another process has claimed it.
        """
        from aws_lambda_powertools.utilities.idempotency.exceptions import (  # noqa: PLC0415 - as above
            IdempotencyItemAlreadyExistsError,
        )

        try:
            self._layer.save_inprogress(_data(event_id), int(self._max_hold_s * 1000))
        except IdempotencyItemAlreadyExistsError as exc:
            if exc.old_data_record is not None and exc.old_data_record.status == "COMPLETED":
                return False
            raise BeingHandledError(self._max_hold_s / 3) from exc
        return True

    def succeed(self, event_id: str) -> None:
        """Record that an event was handled."""
        self._layer.save_success(_data(event_id), {})

    def fail(self, event_id: str, error: Exception) -> None:
        """Forget the claim of an event."""
        self._layer.delete_record(_data(event_id), error)


def _data(event_id: str) -> dict[str, str]:
    return {"event_id": event_id}
