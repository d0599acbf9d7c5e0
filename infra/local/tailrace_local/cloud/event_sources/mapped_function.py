"""The function at the end of an event source mapping."""

from __future__ import annotations

from typing import Any

from tailrace_local.cloud.event_sources.mapping import EventSourceMapping
from tailrace_local.cloud.ministack.event_source_mappings import MiniStackMappings
from tailrace_local.cloud.ministack.functions import MiniStackFunctions


class MappedFunction:
    """The function that a mapping names.

    Its record is read anew for each use, so that an update takes effect.
    """

    def __init__(self, functions: MiniStackFunctions, mappings: MiniStackMappings, mapping: EventSourceMapping) -> None:
        self._functions = functions
        self._mappings = mappings
        self._mapping = mapping

    @property
    def record(self) -> dict[str, Any]:
        """MiniStack's record of the function. Raises LookupError when there is none."""
        mapping = self._mapping
        found = self._functions.find(mapping.account_id, mapping.region, mapping.function_name, mapping.qualifier)
        if found is None:
            raise LookupError(f"the function {mapping.function_name} of mapping {mapping.uuid} does not exist")
        return found

    @property
    def role(self) -> str:
        """The function's execution role, by which Lambda also reads its queue."""
        return str((self.record.get("config") or self.record)["Role"])

    @property
    def reserved_concurrency(self) -> int | None:
        """ReservedConcurrentExecutions, when it is set."""
        found = self.record.get("concurrency")
        found = found.get("ReservedConcurrentExecutions") if isinstance(found, dict) else found
        return None if found is None else int(found)

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke the function; returns MiniStack's result."""
        return self._functions.invoke(self.record, event)

    def matching(self, records: list[dict[str, Any]], mapping: EventSourceMapping) -> list[dict[str, Any]]:
        """Return the records that pass the mapping's filter."""
        return self._mappings.matching(records, mapping.record)
