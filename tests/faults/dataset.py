"""Inputs with a known result."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace
from functools import cached_property

from tests.faults import model
from tests.faults.answering import Answering
from tests.faults.expectation import Expectation


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the kept column, and the rest of the record, which is sent."""

    kept: bytes
    value: bytes
    refused: bool = False
    """True for a row that is rejected although another attempt would have scored it."""
    answering: Answering = field(default=model.USUAL, repr=False)

    @property
    def record(self) -> bytes:
        return self.kept + b"," + self.value

    @property
    def ragged(self) -> bool:
        """True if the producer rejects the row before sending."""
        return b"," in self.value

    @property
    def bad(self) -> bool:
        return self.ragged or self.refused or not self.value or model.is_bad(self.value)

    @property
    def line(self) -> bytes:
        """The row's line in the result; the kept field of a ragged record is unknown."""
        kept = b"" if self.ragged else self.kept
        return kept + b"," + (self.answering.blank if self.bad else self.answering.prediction(self.value)) + b"\n"


@dataclass(frozen=True)
class Dataset(Expectation):
    """The input's rows after its header, ``id,x``; ``id`` is kept."""

    rows: tuple[Row, ...]
    columns: bytes = b"id,prediction"

    @classmethod
    def of(cls, *values: bytes, answering: Answering = model.USUAL) -> Dataset:
        """Return rows with these values, and the columns of such answers."""
        rows = (Row(b"r%d" % number, value, answering=answering) for number, value in enumerate(values))
        return cls(tuple(rows), ",".join(("id", *answering.columns)).encode())

    @property
    def answering(self) -> Answering:
        """How the model answers all rows."""
        return self.rows[0].answering if self.rows else model.USUAL

    def refusing(self, rows: Container[int]) -> Dataset:
        """Return the dataset with these rows refused."""
        return replace(
            self, rows=tuple(replace(row, refused=at in rows or row.refused) for at, row in enumerate(self.rows))
        )

    @cached_property
    def text(self) -> bytes:
        return b"id,x\n" + b"".join(row.record + b"\n" for row in self.rows)
