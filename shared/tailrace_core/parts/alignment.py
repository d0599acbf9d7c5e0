"""The way from an answer to a part's bytes, the same wherever rows are scored.

The answer is read against what is expected, its echoes and canaries are compared, blanks are put in
for rows that were not sent, and the kept columns go before the predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from tailrace_core.answers.reader import AnswerReader
from tailrace_core.jobs.model import JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.parts.joining import blank_prediction, insert_blanks, join_lines
from tailrace_core.positions.canaries import check_copies
from tailrace_core.positions.canary_layout import CanaryLayout
from tailrace_core.positions.echoes import Echo, check_echoes


def aligned_predictions(
    answer: Iterable[bytes],
    reader: AnswerReader,
    settings: JobSettings,
    layout: CanaryLayout,
    *,
    first_row: int,
    sent: Callable[[], Iterable[list[bytes]]],
) -> Iterator[list[bytes]]:
    """Yield one prediction for each row sent, in batches, after all proofs of position.

    Batches may be yielded before the answer proves wrong: discard them when an error is raised.

    Args:
        answer: The answer's blocks.
        reader: Reads it, and knows what it must hold.
        settings: Those of the job.
        layout: The canaries among the lines sent.
        first_row: The first row of the chunk, for messages.
        sent: Returns the lines sent without a header and line ends, in batches; called only for an
            echo.

    Raises:
        AlignmentError: the answer does not hold one prediction for each row, in the rows' order.
    """
    predictions = reader.read(answer)
    echo = Echo.of(settings)
    if echo is not None:
        predictions = check_echoes(predictions, sent(), echo, first_row=first_row)
    return check_copies(predictions, layout, first_row=first_row)


def part_blocks(
    predictions: Iterable[list[bytes]],
    settings: JobSettings,
    rows: RowRange,
    *,
    rejected: Sequence[int] = (),
    kept: Iterable[list[bytes]] | None = None,
) -> Iterator[bytes]:
    """Yield the bytes of a part: a line for each row of the range.

    Args:
        predictions: Those of the rows sent, in batches.
        settings: Those of the job.
        rows: The part's range.
        rejected: Rows of the input in the range that have no prediction, in order.
        kept: The kept records without line ends, in batches; None when no column is kept.
    """
    if rejected:
        blank = blank_prediction(len(settings.output_columns), kept=settings.has_kept_columns)
        positions = [row - rows.first_row for row in rejected]
        predictions = insert_blanks(predictions, positions, rows.rows, blank)
    return join_lines(predictions, kept)
