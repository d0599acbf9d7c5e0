"""Evidence: sequences of answers of one job, as the consumers hold them to one shape."""

from __future__ import annotations

import pytest

from tailrace_core.answers.evidence import UnprovenAnswerError
from tailrace_core.answers.reader import AnswerReader
from tailrace_core.answers.shape import ColumnType
from tailrace_core.errors import AlignmentError
from tailrace_core.jobs.model import Chunk, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger.memory import MemoryLedger
from tailrace_core.parts.answer_shapes import AnswerShapes

JOB = Job(job_id="01JD0000000000000000000000", state=JobState.RUNNING, created_at=0.0, deadline_at=1.0, rows_total=99)
OUT_OF_MEMORY = b'{"error": "CUDA out of memory"}'


class Answers:
    """The answers of a job, each handled by a process of its own."""

    def __init__(self, columns: tuple[str, ...] = ("prediction",), declared: ColumnType | None = None) -> None:
        self._settings = JobSettings(endpoint_name="e", output_columns=columns, output_type=declared)
        self._ledger = MemoryLedger()

    def accept(self, rows: int, body: bytes, *, child: bool = False) -> list[bytes]:
        """Return the predictions; raise what the consumer turns into a failure of the chunk."""
        shapes = AnswerShapes(self._ledger)
        expected = shapes.expected(JOB, self._settings, rows, header=False)
        chunk = Chunk(job_id=JOB.job_id, range=RowRange(0, rows), scored_before=0 if child else None)
        reader = AnswerReader(expected)
        try:
            lines = [line for batch in reader.read([body]) for line in batch]
            shapes.establish(JOB, chunk, reader, expected)
        except AlignmentError as error:
            if not shapes.is_undecided(JOB, self._settings, error):
                shapes.record_misfit(JOB, error)
            raise
        return lines

    def is_undecided(self, error: AlignmentError) -> bool:
        return AnswerShapes(self._ledger).is_undecided(JOB, self._settings, error)

    def refuse(self, rows: int, body: bytes, match: str | None = None, *, child: bool = False) -> None:
        with pytest.raises(AlignmentError, match=match):
            self.accept(rows, body, child=child)


def test_an_error_for_every_request_is_never_a_prediction() -> None:
    answers = Answers()
    for rows in (20, 20, 10, 5, 1, 1):
        answers.refuse(rows, OUT_OF_MEMORY, "CUDA out of memory")


@pytest.mark.parametrize("scored_first", [False, True])
def test_one_rows_probabilities_are_not_those_of_three_rows(*, scored_first: bool) -> None:
    answers = Answers()
    if scored_first:
        answers.accept(4, b"[1,2,3,4]")
    answers.refuse(6, b"[0.2,0.4,0.6]", "6 rows were sent, the model answered 3")
    answers.refuse(1, b"[0.2,0.4,0.6]", "answered 3", child=True)
    answers.refuse(3, b"[0.2,0.4,0.6]", "the model answered 3 for 6 rows too", child=True)
    answers.refuse(3, b"[0.1,0.3,0.6]", "prove nothing", child=True)


def test_one_rows_probabilities_on_lines_are_not_those_of_three_rows() -> None:
    answers = Answers()
    answers.refuse(6, b"0.2\n0.4\n0.6\n", "answered 3")
    answers.refuse(3, b"0.1\n0.3\n0.6\n", "prove nothing", child=True)
    answers.refuse(1, b"0.2\n0.4\n0.6\n", "answered 3", child=True)


def test_a_line_that_is_left_out_makes_no_doubt_about_single_rows_nor_once_several_were_answered() -> None:
    answers = Answers()
    answers.refuse(4, b"1\n2\n3\n", "answered 3")
    answers.refuse(2, b"1\n", "answered 1", child=True)
    assert answers.accept(1, b"1\n", child=True) == [b"1"]
    assert answers.accept(2, b"1\n2\n", child=True) == [b"1", b"2"]
    assert answers.accept(3, b"1\n2\n3\n", child=True) == [b"1", b"2", b"3"]


def test_one_line_of_text_for_many_rows_is_none_for_one_row_either() -> None:
    for declared in (None, ColumnType.TEXT):
        answers = Answers(declared=declared)
        answers.refuse(20, b"Please try again later\n", "Please try again")
        answers.refuse(1, b"Please try again later\n", child=True)


def test_a_single_text_waits_for_others_and_is_accepted_after_them() -> None:
    answers = Answers()
    with pytest.raises(UnprovenAnswerError, match="--output-type text"):
        answers.accept(1, b"cat\n")
    answers.accept(5, b"cat\ndog\ncat\ncat\ndog\n")
    assert answers.accept(1, b"cat\n") == [b"cat"]


@pytest.mark.parametrize(
    "body", [b"Worker died.\nSee logs\n", b"Please try again later\nThank you\n", b"1\n2\n3\n4\nTimeoutError: no\n"]
)
def test_a_few_lines_of_text_prove_nothing_and_may_be_declared(body: bytes) -> None:
    rows = body.count(b"\n")
    Answers().refuse(rows, body, "may be an error's text")
    assert len(Answers(declared=ColumnType.TEXT).accept(rows, body)) == rows


def test_a_list_a_line_for_one_row_is_accepted_like_those_of_two() -> None:
    answers = Answers()
    answers.accept(2, b"[0.1,0.9]\n[0.2,0.8]\n")
    assert answers.accept(1, b"[0.3,0.7]\n") == [b'"[0.3,0.7]"']


def test_a_list_for_one_row_that_was_read_before_the_shape_was_known_is_tried_again() -> None:
    answers = Answers()
    with pytest.raises(AlignmentError) as early:
        answers.accept(1, b"[0.3,0.7]\n")
    answers.accept(2, b"[0.1,0.9]\n[0.2,0.8]\n")
    assert answers.is_undecided(early.value)
    assert answers.accept(1, b"[0.3,0.7]\n") == [b'"[0.3,0.7]"']


def test_a_list_for_one_row_stays_refused_where_lists_are_no_values() -> None:
    answers = Answers()
    with pytest.raises(AlignmentError) as early:
        answers.accept(1, b"[0.3,0.7]\n")
    answers.accept(2, b"1\n2\n")
    assert not answers.is_undecided(early.value)


def test_lists_joined_by_commas_are_one_answer_of_three_columns() -> None:
    body = b",".join([b"[0.1,0.2,0.7]"] * 120)
    assert Answers(("a", "b", "c")).accept(120, body) == [b"0.1,0.2,0.7"] * 120


def test_numbers_stay_numbers() -> None:
    answers = Answers()
    answers.accept(2, b"1\n2\n")
    answers.refuse(2, b"1\nfailed to read the row\n", "failed to read the row")
    answers.refuse(1, b"failed to read the row\n", "a number", child=True)


def test_a_single_number_says_nothing_about_the_others() -> None:
    answers = Answers()
    assert answers.accept(1, b"7\n") == [b"7"]
    assert answers.accept(5, b"a\nb\nc\nd\ne\n") == [b"a", b"b", b"c", b"d", b"e"]


def test_the_first_shape_stands_for_all_processes() -> None:
    answers = Answers()
    answers.accept(2, b"[1,2]")
    answers.refuse(2, b"1\n2\n", "the job's answers are a JSON list of number")
