"""Echoes: a sent column that the model gives back, compared for every row.

Unlike canaries, an echo with a value of its own for each row proves each position exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import chain, islice

from tailrace_core.csv_text.records import split_fields
from tailrace_core.errors import AlignmentError, ContractError
from tailrace_core.jobs.model import JobSettings

_SHOWN_BYTES = 200


@dataclass(frozen=True, slots=True)
class Echo:
    """The echoed column: its name, and its index among the columns sent and the output columns."""

    name: str
    sent_index: int
    output_index: int

    @classmethod
    def of(cls, settings: JobSettings) -> Echo | None:
        """Return the echo of a job; None if it has none."""
        name = settings.echo_column
        if name is None:
            return None
        sent = [settings.source_columns[index] for index in settings.sent_columns]
        return cls(name, sent.index(name), settings.output_columns.index(name))


def check_echoes(
    predictions: Iterable[list[bytes]], sent: Iterable[list[bytes]], echo: Echo, *, first_row: int
) -> Iterator[list[bytes]]:
    """Compare the echoed field of each prediction with the value sent; yield the predictions.

    Numbers are equal if their values are, exactly; text if its bytes are, without CSV quotes.
    Memory holds a batch of each. Batches may be yielded before the answer proves wrong: discard
    them when an error is raised.

    Args:
        predictions: One CSV line for each line sent, in batches.
        sent: The records sent, in batches of another size.
        echo: The echoed column.
        first_row: The first row of the chunk, for the message.

    Raises:
        AlignmentError: a prediction does not give back the value of its row.
        ContractError: there are fewer records than predictions.
    """
    records = chain.from_iterable(sent)
    line = 0
    moved: AlignmentError | None = None
    for batch in predictions:
        answered = _column(batch, echo.output_index)
        expected = _column(islice(records, len(batch)), echo.sent_index)
        if len(expected) < len(batch):
            raise ContractError(
                f"the input from row {first_row} on holds {line + len(expected)} lines, the ledger says more; "
                "cancel the job and submit it again"
            )
        if answered != expected and moved is None:
            found = next(
                (at for at, pair in enumerate(zip(expected, answered, strict=True)) if not same_value(*pair)), None
            )
            if found is not None:
                moved = AlignmentError(
                    f"the model does not answer in the order of the rows: line {line + found} of the input from row "
                    f"{first_row} on was sent with {_shown(expected[found])} in column {echo.name!r}, its prediction "
                    f"gives back {_shown(answered[found])}",
                    sent=line + len(batch),
                )
        line += len(batch)
        yield batch
    # A wrong number of predictions explains more, and shows at the end of the answer.
    if moved is not None:
        raise moved


def same_value(one: bytes, other: bytes) -> bool:
    """Compare two fields: as numbers by value if both are numbers, else by their bytes."""
    one, other = _unquoted(one), _unquoted(other)
    if one == other:
        return True
    number, other_number = _number(one), _number(other)
    if number is None or other_number is None:
        return False
    if number.is_nan() or other_number.is_nan():
        return number.is_nan() and other_number.is_nan()
    return number == other_number


def _column(records: Iterable[bytes], index: int) -> list[bytes]:
    return [split_fields(record.removesuffix(b"\r"))[index] for record in records]


def _unquoted(field: bytes) -> bytes:
    if len(field) > 1 and field.startswith(b'"') and field.endswith(b'"'):
        return field[1:-1].replace(b'""', b'"')
    return field


def _number(field: bytes) -> Decimal | None:
    if b"_" in field:
        # Python takes underscores between digits; other readers see text.
        return None
    try:
        return Decimal(field.decode().strip())
    except (UnicodeDecodeError, InvalidOperation):
        return None


def _shown(field: bytes) -> str:
    return repr(field[:_SHOWN_BYTES].decode(errors="replace"))
