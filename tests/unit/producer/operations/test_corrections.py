from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tailrace.operations.corrections import corrected_input, sent_rows
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import Chunk, JobSettings
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.jobs.settings import RequestFormat

CHUNK = Chunk(job_id="j", range=RowRange(10, 3), rejected=1)


def settings(header: HeaderPolicy) -> JobSettings:
    return JobSettings(
        endpoint_name="e",
        header=header,
        header_record="y,x" if header is HeaderPolicy.REPEAT else None,
        source_columns=("id", "x", "y"),
        kept_columns=(0,),
        sent_columns=(2, 1),
    )


@pytest.mark.parametrize(
    ("header", "given", "expected"),
    [
        (HeaderPolicy.STRIP, b"1,2\n3,4\n", b"1,2\n3,4\n"),
        (HeaderPolicy.STRIP, b"1,2\r\n3,4", b"1,2\r\n3,4\n"),
        (HeaderPolicy.STRIP, b'\xef\xbb\xbfy,"x"\n1,2\n3,4\n', b"1,2\n3,4\n"),
        (HeaderPolicy.REPEAT, b"y,x\n1,2\n3,4\n", b"y,x\n1,2\n3,4\n"),
        (HeaderPolicy.REPEAT, b"y,x\r\n1,2\n3,4\n", b"y,x\n1,2\n3,4\n"),
        (HeaderPolicy.NONE, b'"a\nb",2\n3,4\n', b'"a\nb",2\n3,4\n'),
        (HeaderPolicy.NONE, b'5" pipe,2\n6" pipe,4\n', b'5" pipe,2\n6" pipe,4\n'),
    ],
)
def test_as_many_rows_of_the_columns_sent_become_the_input(header: HeaderPolicy, given: bytes, expected: bytes) -> None:
    assert corrected_input(given, CHUNK, settings(header)) == expected


@pytest.mark.parametrize("canaries", [0, 1])
@pytest.mark.parametrize("request_format", RequestFormat)
def test_rows_are_shown_and_corrected_as_csv_whatever_the_format_of_the_request(
    request_format: RequestFormat, canaries: int
) -> None:
    job = replace(settings(HeaderPolicy.STRIP), request=request_format, canaries=canaries)
    body = corrected_input(b'1,"two, three"\n,04\n', CHUNK, job)
    assert sent_rows(body, CHUNK, job) == b'1,"two, three"\n,04\n'
    if request_format is RequestFormat.JSON and not canaries:
        assert json.loads(body) == {"instances": [{"y": 1, "x": "two, three"}, {"y": None, "x": "04"}]}
    assert sent_rows(b"damaged", CHUNK, job) == b"damaged"


@pytest.mark.parametrize(
    ("header", "given", "said"),
    [
        (HeaderPolicy.STRIP, b"1,2\n", "holds 1 rows, 2 were sent"),
        (HeaderPolicy.STRIP, b"id,x,y\n1,2\n3,4\n", "holds 3 rows, 2 were sent"),
        (HeaderPolicy.STRIP, b"", "holds 0 rows, 2 were sent"),
        (HeaderPolicy.STRIP, b"1,2\n3\n", "row 2 .* 2 fields expected, 1 found"),
        (HeaderPolicy.STRIP, b"\n3,4\n", "row 1 .* blank line"),
        (HeaderPolicy.REPEAT, b"1,2\n3,4\n", "not with the header"),
        (HeaderPolicy.REPEAT, b"y,x\ny,x\n3,4\n", "row 1 .* repeats the header"),
        (HeaderPolicy.NONE, b"1,\xff\n3,4\n", "row 1 .* not UTF-8"),
        (HeaderPolicy.NONE, b'1,2\n3,"4\n', "row 2 .* quote not closed"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_named(header: HeaderPolicy, given: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        corrected_input(given, CHUNK, settings(header))
