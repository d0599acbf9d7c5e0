import pytest

from tailrace_local.demo.model import scoring
from tailrace_local.demo.model.regressor import Regressor
from tailrace_local.demo.model.scoring import Answer
from tailrace_local.demo.model.stages import stages_for

from .test_regressor import learnt

ROW = b"1062,Beverages,Fruit Juice Mango,110,0.878183107,0,0,2018-01-01\n"


def answer(body: bytes = ROW, content_type: str = "text/csv", accept: str = "") -> Answer:
    regressor: Regressor = learnt()
    return scoring.answer(stages_for({}), regressor, body, content_type, accept)


@pytest.mark.parametrize("content_type", ["text/csv", "Text/CSV; charset=UTF-8", "text/csv; header=absent"])
@pytest.mark.parametrize("accept", ["", "*/*", "text/csv", "application/json, text/csv;q=0.5"])
def test_rows_of_csv_are_scored(content_type: str, accept: str) -> None:
    scored = answer(ROW * 3, content_type, accept)
    assert (scored.status, scored.rows, scored.content_type) == (200, 3, "text/csv; charset=utf-8")
    assert scored.body.count(b"\n") == 3


@pytest.mark.parametrize("content_type", ["", "application/json", "text/csv; charset=latin-1", "nonsense"])
def test_other_content_types_are_refused(content_type: str) -> None:
    assert answer(content_type=content_type).status == 415


def test_a_client_that_accepts_no_csv_is_refused() -> None:
    assert answer(accept="application/json").status == 406


@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n\r\n"])
def test_no_rows_is_no_content(body: bytes) -> None:
    assert answer(body) == Answer(204)


def test_a_blank_line_costs_one_prediction_without_an_error() -> None:
    assert answer(ROW + b"\n" + ROW).rows == 2


def test_one_bad_row_refuses_the_request_and_is_named() -> None:
    refused = answer(ROW + ROW.replace(b"0.878183107", b"n/a"))
    assert refused.status == 400
    assert refused.body.startswith(b"line 2, column scaled_price: 'n/a' is not a number")
