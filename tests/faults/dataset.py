"""Inputs with a known result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tests.faults import model
from tests.faults.expectation import Expectation


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the kept column, and the rest of the record, which is sent."""

    kept: bytes
    value: bytes
    refused: bool = False
    """True for a row that is rejected although another attempt would have scored it."""

    @property
    def record(self) -> bytes:
        return self.kept + b"," + self.value

    @property
    def ragged(self) -> bool:
        """True if the producer rejects the row before sending."""
        return b"," in self.value

    @property
    def bad(self) -> bool:
        return self.ragged or self.refused or model.is_bad(self.value)

    @property
    def line(self) -> bytes:
        """The row's line in the result; the kept field of a ragged record is unknown."""
        if self.ragged:
            return b",\n"
        return self.kept + b"," + (b"" if self.bad else model.prediction(self.value)) + b"\n"


@dataclass(frozen=True)
class Dataset(Expectation):
    """The input's rows after its header, ``id,x``; ``id`` is kept."""

    rows: tuple[Row, ...]
    columns: bytes = b"id,prediction"

    @classmethod
    def of(cls, *values: bytes) -> Dataset:
        return cls(tuple(Row(b"r%d" % number, value) for number, value in enumerate(values)))

    @cached_property
    def text(self) -> bytes:
        return b"id,x\n" + b"".join(row.record + b"\n" for row in self.rows)
