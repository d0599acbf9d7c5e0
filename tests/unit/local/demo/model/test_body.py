import io
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.demo.model import body
from tailrace_local.demo.model.body import BodyError, TooLargeError


def headers(**fields: str) -> Message:
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


def chunked(content: bytes, limit: int = 1000) -> bytes:
    return body.read(io.BytesIO(content), headers(Transfer_Encoding="chunked"), limit)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=10), st.sampled_from(["", ";name=value"]))
def test_chunks_are_joined(pieces: list[bytes], extension: str) -> None:
    sent = b"".join(f"{len(piece):X}{extension}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    assert chunked(sent + b"0\r\nX-Trailer: 1\r\n\r\n") == b"".join(pieces)


def test_a_body_with_a_length_leaves_the_next_request_unread() -> None:
    stream = io.BytesIO(b"12345GET /")
    assert body.read(stream, headers(Content_Length="5"), 10) == b"12345"
    assert stream.read() == b"GET /"


def test_no_length_and_no_chunks_is_an_empty_body() -> None:
    assert body.read(io.BytesIO(b"next"), headers(), 10) == b""


@pytest.mark.parametrize("length", ["-1", "1e3", "", "+5", "5 5", "\u0665"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    with pytest.raises(BodyError):
        body.declared_length(headers(Content_Length=length))


def test_a_length_beside_chunks_is_refused_as_smuggling() -> None:
    with pytest.raises(BodyError):
        body.declared_length(headers(Content_Length="5", Transfer_Encoding="chunked"))


def test_two_lengths_that_differ_are_refused() -> None:
    both = headers(Content_Length="5")
    both["Content-Length"] = "6"
    with pytest.raises(BodyError):
        body.declared_length(both)


def test_another_encoding_is_refused() -> None:
    with pytest.raises(BodyError):
        body.declared_length(headers(Transfer_Encoding="gzip, chunked"))


@pytest.mark.parametrize(
    "sent", [b"", b"zz\r\n", b"-5\r\nabc", b"5\r\nabc", b"3\r\nabcd\r\n", b"0\r\n", b"3", b"1_0\r\n"]
)
def test_broken_chunks_are_refused(sent: bytes) -> None:
    with pytest.raises(BodyError):
        chunked(sent)


def test_trailers_without_end_are_refused() -> None:
    with pytest.raises(BodyError, match="trailers"):
        chunked(b"0\r\n" + b"a: b\r\n" * 1000)


def test_a_body_cut_short_is_refused() -> None:
    with pytest.raises(BodyError, match="ends after 3 of 5 bytes"):
        body.read(io.BytesIO(b"abc"), headers(Content_Length="5"), 10)


def test_exactly_the_limit_is_taken_and_a_byte_more_is_not() -> None:
    assert body.read(io.BytesIO(b"12345"), headers(Content_Length="5"), 5) == b"12345"
    assert chunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 5) == b"abcde"
    with pytest.raises(TooLargeError):
        body.read(io.BytesIO(b"123456"), headers(Content_Length="6"), 5)
    with pytest.raises(TooLargeError):
        chunked(b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", 5)


def test_discarding_stops_at_the_bound() -> None:
    stream = io.BytesIO(b"x" * 100)
    body.discard(stream, 30, 5.0)
    assert stream.tell() == 30
