"""The counts of a stripe, as they are stored for the sum."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tailrace_core.errors import ContractError
from tailrace_core.records.counts import EntryCount, Within


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceCount:
    """The counts of a piece; offsets are those of the object, decompressed.

    Its stretch reaches from ``start`` to ``stop``: from behind the first newline at or after the
    byte before the piece to behind the one that begins the next piece, or to the object's end. It
    is empty, and has no ``entries``, if no such newline is in the piece, or a compressed object
    belongs to an earlier stripe.
    """

    start: int = 0
    stop: int = 0
    entries: dict[Within, EntryCount] | None = None
    """The counts for each way to enter the stretch."""
    is_compressed: bool = False
    data_start: int = 0
    """For the piece that begins an object: where its data begin, behind mark and header."""
    line_end: str = "\n"
    """For such a piece: the line end of the first record."""
    other_header: str | None = None
    """For such a piece: the beginning of its header, if that is not the one of the first object."""
    problem: str | None = None
    """The error that the object raised while it was read; then nothing was counted."""
    in_head: bool = False
    """True if the problem showed at the object's head."""

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as a JSON object, without the values that are the defaults."""
        stored = {name: getattr(self, name) for name in self.__slots__ if name != "entries"}
        stored = {name: value for name, value in stored.items() if value != _DEFAULTS[name]}
        if self.entries is not None:
            stored["entries"] = {within: count.to_dict() for within, count in self.entries.items()}
        return stored

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> PieceCount:
        """Read the counts from their JSON object."""
        entries = stored.get("entries")
        if entries is not None:
            entries = {Within(within): EntryCount.from_dict(count) for within, count in entries.items()}
        return cls(**{**stored, "entries": entries})


_DEFAULTS = {name: field.default for name, field in PieceCount.__dataclass_fields__.items()}


@dataclass(frozen=True, slots=True)
class StripeCount:
    """The counts of a stripe, one for each of its pieces."""

    number: int
    pieces: tuple[PieceCount, ...]

    def to_json(self) -> str:
        """Serialize the counts."""
        return json.dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {"stripe": self.number, "pieces": [each.to_dict() for each in self.pieces]}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> StripeCount:
        """Read the counts from their JSON object.

        Raises:
            ContractError: it holds none.
        """
        try:
            return cls(stored["stripe"], tuple(PieceCount.from_dict(each) for each in stored["pieces"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ContractError(f"these are no counts of a stripe: {error!r}") from error

    @classmethod
    def from_json(cls, text: str | bytes) -> StripeCount:
        """Read stored counts.

        Raises:
            ContractError: the text is none.
        """
        try:
            stored = json.loads(text)
        except ValueError as error:
            raise ContractError(f"these are no counts of a stripe: {error!r}") from error
        return cls.from_dict(stored)
