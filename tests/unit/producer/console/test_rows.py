from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.console.views.rows import MAX_EDIT_BYTES, MAX_SHOWN_CHARS, editable, edited, first_rows

FIELDS = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))


@given(st.lists(FIELDS, min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_what_a_browser_sends_back_unchanged_is_what_was_sent(lines: list[str], end: str) -> None:
    data = "".join(line + end for line in lines).encode()
    shown = editable(data)
    assert shown.refusal is None
    assert edited(shown.text.replace("\n", "\r\n"), crlf=shown.crlf) == data


@pytest.mark.parametrize("data", [None, b"a\r\nb\n", b'"a\rb",1\n', b"\xff\n", b"a\0b\n", b"a" * (MAX_EDIT_BYTES + 1)])
def test_what_a_browser_would_change_is_not_edited_there(data: bytes | None) -> None:
    assert editable(data).refusal is not None


def test_first_rows_are_few_and_short() -> None:
    shown = first_rows(b"x" * 10_000 + b"\n" + b"a\n" * 100)
    assert shown is not None
    assert len(shown) == 8
    assert all(len(each) <= MAX_SHOWN_CHARS + 1 for each in shown)
    assert first_rows(None) is None
