"""Mini-batches of lines: nothing is lost, each fits, and none could take the next line."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.sagemaker.inference.transform.jobs import Limits
from tailrace_local.sagemaker.inference.transform.mini_batches import OversizeError, split_lines
from tailrace_local.sagemaker.messages.payload import Payload


def batches(content: bytes, payload_bytes: int, *, single: bool = False) -> list[bytes]:
    with Payload() as body:
        body.write(content)
        return list(split_lines(body, Limits(1, payload_bytes, single, 1.0, 0)))


@given(
    lines=st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"") + b"\n")), limit=st.integers(7, 20)
)
def test_as_many_whole_lines_as_fit_make_a_batch(lines: list[bytes], limit: int) -> None:
    found = batches(b"".join(lines), limit)
    assert b"".join(found) == b"".join(lines)
    assert all(len(batch) <= limit and batch.endswith(b"\n") for batch in found)
    for batch, after in itertools.pairwise(found):
        assert len(batch) + after.index(b"\n") + 1 > limit


def test_single_records_are_lines_and_no_limit_is_one_batch() -> None:
    assert batches(b"1\n2\n3", 20, single=True) == [b"1\n", b"2\n", b"3"]
    assert batches(b"1\n2\n3", 0) == [b"1\n2\n3"]


def test_a_line_above_the_limit_is_refused() -> None:
    with pytest.raises(OversizeError, match="a record of 9 bytes"):
        batches(b"1\n12345678\n", 8)
