import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.sagemaker.fault_injection.outputs import corrupt_output
from tailrace_local.sagemaker.fault_injection.plan import CorruptOutput
from tailrace_local.sagemaker.messages.payload import Payload


def corrupted(body: bytes, how: str, lines: int = 1) -> bytes:
    with Payload(content_type="text/csv") as made:
        made.write(body)
        fault = CorruptOutput.model_validate({"kind": "spoil_output", "how": how, "lines": lines})
        with corrupt_output(made, fault) as found:
            assert made.read() == body
            assert (found.content_type, found.size_bytes) == ("text/csv", len(found.read()))
            return found.read()


@pytest.mark.parametrize(
    ("how", "lines", "left"),
    [
        ("drop_last", 2, b"11\n22\n33\n"),
        ("drop_middle", 1, b"11\n22\n44\n55\n"),
        ("drop_middle", 3, b"11\n55\n"),
        ("cut_line", 1, b"11\n22\n33\n44\n5"),
        ("cut_line", 3, b"11\n22\n3"),
        ("add_line", 1, b"11\n22\n33\n44\n55\n55\n"),
        ("empty", 1, b""),
        ("double_middle", 1, b"11\n22\n33\n33\n44\n"),
        ("rotate", 1, b"22\n33\n44\n55\n11\n"),
        ("reverse", 1, b"55\n44\n33\n22\n11\n"),
        ("replace", 1, b'{"error": "the fault plan says so"}'),
    ],
)
def test_lines_go_or_come_as_told(how: str, lines: int, left: bytes) -> None:
    assert corrupted(b"11\n22\n33\n44\n55\n", how, lines) == left


def test_a_line_is_added_after_a_last_one_without_an_end() -> None:
    assert corrupted(b"1\n2", "add_line") == b"1\n2\n2"


@pytest.mark.parametrize("how", ["double_middle", "rotate", "reverse"])
@pytest.mark.parametrize("body", [b"", b"11\n"])
def test_up_to_one_line_has_no_other_place(how: str, body: bytes) -> None:
    assert corrupted(body, how) == body


@given(
    st.lists(st.integers(10, 99), max_size=20),
    st.sampled_from(["drop_last", "drop_middle", "cut_line", "empty"]),
    st.integers(1, 25),
)
def test_what_is_taken_away_is_never_put_anywhere_else(values: list[int], how: str, lines: int) -> None:
    body = b"".join(b"%d\n" % value for value in values)
    left = corrupted(body, how, lines)
    whole = iter(body)
    assert len(left) < len(body) or not body
    assert all(byte in whole for byte in left)
