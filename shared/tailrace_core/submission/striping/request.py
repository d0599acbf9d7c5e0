"""The request to cut an input remotely: what to list, and how to cut it.

It is stored as ``request.json`` before the execution starts, and never changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tailrace_core.errors import ContractError
from tailrace_core.jobs.settings import JobSettings
from tailrace_core.objects.listing import is_source
from tailrace_core.submission.options import OnBadRow


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceName:
    """An object, or all objects under a prefix (``is_prefix``) whose names match ``pattern``.

    The listing fills in what is not known of an object; ``version_id`` and ``etag`` of one that is
    named here are demanded.
    """

    bucket: str
    key: str
    is_prefix: bool = False
    pattern: str | None = None
    version_id: str | None = None
    etag: str | None = None

    def selects(self, key: str) -> bool:
        """Report whether an object below the prefix belongs to the input.

        See `tailrace_core.objects.listing.is_source`.
        """
        return key.startswith(self.key) and is_source(key.removeprefix(self.key), self.pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class CuttingRequest:
    """The content of ``request.json``.

    ``header`` is the header record of the first object without its line end, None if the input has
    none. Each object has to have the same. ``on_bad_row`` is as in
    `tailrace_core.submission.options.SubmitOptions`.
    """

    sources: tuple[SourceName, ...]
    settings: JobSettings
    header: str | None = None
    on_bad_row: OnBadRow = OnBadRow.REJECT
    deadline_at: float | None = field(default=None, compare=False)
    """The job's deadline, in seconds since the epoch; None if it has none, as a dry run."""

    @property
    def header_record(self) -> bytes | None:
        """The header record as bytes."""
        return None if self.header is None else self.header.encode()

    def to_json(self) -> str:
        """Serialize the request."""
        sources = [
            {name: value for name in SourceName.__slots__ if (value := getattr(each, name)) not in {None, False}}
            for each in self.sources
        ]
        stored: dict[str, Any] = {
            "schema_version": 1,
            "sources": sources,
            "settings": json.loads(self.settings.to_json()),
            "header": self.header,
            "on_bad_row": self.on_bad_row,
        }
        if self.deadline_at is not None:
            stored["deadline_at"] = self.deadline_at
        return json.dumps(stored, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> CuttingRequest:
        """Read a stored request; fields that a newer version adds are ignored.

        Raises:
            ContractError: the text is no such request.
        """
        try:
            stored = json.loads(text)
            sources = tuple(
                SourceName(**{name: each[name] for name in SourceName.__slots__ if name in each})
                for each in stored["sources"]
            )
            settings = JobSettings.from_json(json.dumps(stored["settings"]))
            on_bad_row = OnBadRow(stored["on_bad_row"])
            return cls(
                sources=sources,
                settings=settings,
                header=stored["header"],
                on_bad_row=on_bad_row,
                deadline_at=stored.get("deadline_at"),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ContractError(f"this is no request to cut an input: {error!r}") from error
