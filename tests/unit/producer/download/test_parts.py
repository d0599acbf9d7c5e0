from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.download.parts import PartVerifier, Slice, slices
from tailrace_core.csv_text.headers import header_line
from tailrace_core.csv_text.records import count_records
from tailrace_core.errors import ContractError
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.messages.manifest import Manifest, ManifestPart
from tailrace_core.objects.checksums import checksum


def manifest(*bodies: bytes) -> Manifest:
    parts: list[ManifestPart] = []
    row = 0
    for body in bodies:
        rows = count_records(body)
        parts.append(
            ManifestPart(
                first_row=row,
                rows=rows,
                state=ChunkState.SCORED,
                key=str(len(parts)),
                size_bytes=len(body),
                checksum=checksum(body),
            )
        )
        row += rows
    return Manifest(
        job_id="j", state=JobState.COMPLETED, endpoint="e", created_at=0, finished_at=0, rows_total=row,
        rows_scored=row, rows_rejected=0, rows_cancelled=0, columns=("p",), parts=tuple(parts),
    )  # fmt: skip


def data_of(piece: Slice, bodies: tuple[bytes, ...]) -> bytes:
    assert piece.part.key is not None
    return bodies[int(piece.part.key)][piece.start : piece.start + piece.size_bytes]


_LINES = st.lists(st.sampled_from([b"1\n", b'"a,b",2\n', b'"x\ny""\n",3\n', b'""\n']), min_size=1, max_size=6).map(
    b"".join
)


@given(st.lists(_LINES, min_size=1, max_size=4).map(tuple), st.integers(1, 9))
def test_slices_of_any_size_join_to_the_parts_and_are_proved(bodies: tuple[bytes, ...], slice_bytes: int) -> None:
    found = manifest(*bodies)
    verifier = PartVerifier("j")
    written = b""
    for piece in slices(found, slice_bytes):
        data = data_of(piece, bodies)
        verifier.check(piece, data)
        written += data
    verifier.check_total(found)
    assert written == b"".join(bodies)
    assert verifier.rows == found.rows_total


@given(st.lists(_LINES, min_size=1, max_size=3).map(tuple), st.integers(1, 9), st.data())
def test_a_flipped_bit_anywhere_is_found(bodies: tuple[bytes, ...], slice_bytes: int, data: st.DataObject) -> None:
    found = manifest(*bodies)
    at = data.draw(st.integers(0, len(bodies[0]) - 1))
    damaged = (bodies[0][:at] + bytes([bodies[0][at] ^ 1]) + bodies[0][at + 1 :], *bodies[1:])
    verifier = PartVerifier("j")
    pieces = list(slices(found, slice_bytes))

    def take_all() -> None:
        for piece in pieces:
            verifier.check(piece, data_of(piece, damaged))

    with pytest.raises(ContractError, match="damaged"):
        take_all()


def test_a_shorter_object_than_the_manifest_says_is_found() -> None:
    found = manifest(b"1\n2\n")
    with pytest.raises(ContractError, match="2 bytes where 4 are expected"):
        PartVerifier("j").check(next(slices(found)), b"1\n")


def test_missing_parts_are_found() -> None:
    found = manifest(b"1\n", b"2\n")
    verifier = PartVerifier("j")
    verifier.check(next(slices(found)), b"1\n")
    with pytest.raises(ContractError, match="1 of 2 rows"):
        verifier.check_total(found)


def test_a_whole_part_is_read_without_a_range_and_a_large_one_in_ranges() -> None:
    found = manifest(b"1\n2\n")
    assert [piece.call("b").params.get("Range") for piece in slices(found, 8)] == [None]
    assert [piece.call("b").params.get("Range") for piece in slices(found, 3)] == ["bytes=0-2", "bytes=3-3"]


@given(st.lists(st.text(st.sampled_from('ab,"\n é'), max_size=4), min_size=1, max_size=4).map(tuple))
def test_the_header_line_is_one_record_of_the_names(columns: tuple[str, ...]) -> None:
    assert tuple(next(csv.reader(io.StringIO(header_line(columns).decode(), newline="")))) == columns
