"""The shape of a job's answers: established once, noted in the ledger, and held to afterwards."""

from __future__ import annotations

from threading import Lock
from typing import Protocol

from tailrace_core.answers.evidence import (
    Misfit,
    UnprovenAnswerError,
    check_evidence,
    decode_misfit,
    decode_shape,
    encode_misfit,
    encode_shape,
    may_be_one_value,
)
from tailrace_core.answers.reader import AnswerReader, ExpectedPredictions
from tailrace_core.answers.shape import AnswerFormat, AnswerShape, ColumnType
from tailrace_core.errors import AlignmentError
from tailrace_core.jobs.model import Chunk, ChunkState, Job, JobSettings
from tailrace_core.positions.canary_layout import CanaryLayout
from tailrace_core.positions.echoes import Echo

_CACHED = 256
_SHAPE = "shape"
_DISORDER = "disorder"
_MOST_ROWS_OF_ONE_COPY = 3


class Notes(Protocol):
    """The notes of jobs, such as a ledger's; a note never changes."""

    def note(self, job_id: str, name: str) -> str | None:
        """Get one of the job's notes."""

    def write_note(self, job: Job, name: str, text: str) -> str:
        """Write a note unless there is one of that name; return the note that stands."""


class AnswerShapes:
    """Knows, checks and records the shapes. Thread-safe."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._known: dict[str, AnswerShape] = {}
        self._storing = Lock()

    def expected(self, job: Job, settings: JobSettings, rows: int, *, header: bool) -> ExpectedPredictions:
        """Return what an answer to ``rows`` rows of the job must hold."""
        echo = Echo.of(settings)
        return ExpectedPredictions(
            rows,
            settings.output_columns,
            settings.accept,
            header=header,
            shape=self._shape(job.job_id),
            declared=settings.output_type,
            echoed=None if echo is None else echo.output_index,
        )

    def establish(self, job: Job, chunk: Chunk, reader: AnswerReader, expected: ExpectedPredictions) -> None:
        """Check an aligned answer, and record its shape if it is the job's first.

        Call before the answer takes effect, when its echo is compared: what it established stands.

        Raises:
            AlignmentError: the answer proves no predictions, or another answer has established
                another shape meanwhile.
        """
        text = ColumnType.TEXT in reader.shape.types
        # An answer of numbers, to a chunk that no failure preceded, needs no further evidence. An
        # error's text does not give back what was sent.
        echoed = expected.echoed is not None
        if expected.shape is not None and (echoed or (not text and chunk.scored_before is None)):
            return
        if not echoed:
            misfit = self._misfit(job.job_id, expected.rows)
            check_evidence(reader, expected, misfit, remainder=_is_remainder(job, chunk))
        # A single value is a prediction; it does not say what the others look like.
        if expected.shape is None and (expected.rows > 1 or expected.declared is not None):
            standing = decode_shape(self._notes.write_note(job, _SHAPE, encode_shape(reader.shape)))
            self._store(job.job_id, standing)
            _compare(reader, expected, standing)

    def is_undecided(self, job: Job, settings: JobSettings, error: AlignmentError) -> bool:
        """Tell whether the job's other answers may show that a refused one holds predictions."""
        if isinstance(error, UnprovenAnswerError):
            return True
        if error.answered is None or len(settings.output_columns) > 1 or settings.output_type is ColumnType.NUMBER:
            return False
        if not may_be_one_value(error):
            return False
        shape = self._shape(job.job_id)
        if shape is not None:
            # It was established after this answer was read, and lists are values in it.
            return shape.format is AnswerFormat.LINES
        misfit = self._misfit(job.job_id, error.answered)
        return misfit is None or misfit.sent == error.sent

    def check_order(self, job: Job, chunk: Chunk, layout: CanaryLayout) -> None:
        """Check that a chunk has canaries enough for a job of which an answer was out of order.

        Chunks without guards, those of older clients' jobs, have one canary among two or three
        rows, which may show no disorder.

        Raises:
            AlignmentError: it has two or three rows, so each has to be answered alone.
        """
        few = len(layout.canaries) == 1 and layout.rows <= _MOST_ROWS_OF_ONE_COPY
        if few and chunk.state is ChunkState.OPEN and (shown := self._notes.note(job.job_id, _DISORDER)):
            raise AlignmentError(
                f"one row sent twice among {layout.rows} does not prove their order, after an answer of this job "
                f"was out of order: {shown}",
                sent=layout.lines,
            )

    def record_misfit(self, job: Job, error: AlignmentError) -> None:
        """Record an answer whose count or order was wrong: it may tell others from predictions."""
        if error.disordered:
            self._notes.write_note(job, _DISORDER, error.message)
        misfit = Misfit.of(error)
        if misfit is not None:
            self._notes.write_note(job, _misfit_name(misfit.answered), encode_misfit(misfit))

    def _misfit(self, job_id: str, answered: int) -> Misfit | None:
        found = self._notes.note(job_id, _misfit_name(answered))
        return decode_misfit(found) if found else None

    def _shape(self, job_id: str) -> AnswerShape | None:
        found = self._known.get(job_id)
        if found is None and (text := self._notes.note(job_id, _SHAPE)):
            found = decode_shape(text)
            self._store(job_id, found)
        return found

    def _store(self, job_id: str, shape: AnswerShape) -> None:
        with self._storing:
            while len(self._known) >= _CACHED:
                del self._known[next(iter(self._known))]
            self._known[job_id] = shape


def _misfit_name(answered: int) -> str:
    return f"misfit#{answered}"


def _is_remainder(job: Job, chunk: Chunk) -> bool:
    """Tell whether the chunk is the last of several, and no row is scored."""
    return bool(chunk.range.first_row) and chunk.range.end == job.rows_total and not job.rows_scored


def _compare(reader: AnswerReader, expected: ExpectedPredictions, standing: AnswerShape) -> None:
    """Refuse an answer that lost the race to establish the shape, and does not have it."""
    mine = reader.shape
    numbers = all(
        ours is ColumnType.NUMBER
        for ours, other in zip(mine.types, standing.types, strict=True)
        if other is ColumnType.NUMBER
    )
    if not numbers or (None not in {mine.format, standing.format} and mine.format is not standing.format):
        raise AlignmentError(
            f"the answer is {mine.describe()}, the job's other answers are {standing.describe()}",
            sent=expected.rows,
            opening=reader.opening,
        )
