"""Awkward inputs and outputs through the whole command line, over a stack in memory."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import zstandard

from tailrace.cli.application import run
from tailrace.cli.environment import Environment
from tests.faults import model
from tests.faults.simulation import Simulation


@dataclass
class Desk:
    """A user's folder and a stack."""

    folder: Path
    sim: Simulation = field(default_factory=lambda: Simulation(operator=False))
    out: bytes = b""
    err: str = ""

    def run(self, *arguments: str) -> int:
        out, err = io.BytesIO(), io.StringIO()
        environment = Environment(connect=lambda _: self.sim.producer("operator")[1], stdout=out, stderr=err)
        code = run([*arguments, "--stack", "stack"], environment)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def write(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return str(self.folder / name)

    def scored(self, *arguments: str) -> list[bytes]:
        """Submit, run the job to its end, and return the lines of its result."""
        assert self.run("submit", *arguments) == 0, self.err
        job_id = self.out.decode().strip()
        self.sim.drain()
        assert self.run("download", job_id) == 0, self.err
        return self.out.splitlines()

    def rejected(self) -> list[bytes]:
        """Return the rejected rows of the last job."""
        assert self.run("rejects", self.sim.ledger.jobs(1)[0].job_id) == 0, self.err
        return self.out.splitlines()[1:]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def of(record: bytes) -> bytes:
    return model.USUAL.prediction(record)


def test_a_quote_inside_a_field_carries_no_prediction_over_to_another_row(desk: Desk) -> None:
    inch = desk.write("inch.csv", b'x,size\n1,5" pipe\n2,6" pipe\n3,ok\n')
    assert desk.scored(inch, "--keep", "x") == [
        b"x,prediction",
        b"1," + of(b'5" pipe'),
        b"2," + of(b'6" pipe'),
        b"3," + of(b"ok"),
    ]


def test_a_quote_inside_a_kept_field_comes_back_as_it_was(desk: Desk) -> None:
    orders = desk.write("orders.csv", b'order_id,note,x\n1,5" pipe,10\n2,plain,20\n3,6" hose,30\n4,plain,40\n')
    assert desk.scored(orders, "--keep", "order_id,note") == [
        b"order_id,note,prediction",
        b'1,5" pipe,' + of(b"10"),
        b"2,plain," + of(b"20"),
        b'3,6" hose,' + of(b"30"),
        b"4,plain," + of(b"40"),
    ]


def test_text_after_a_closing_quote_goes_to_the_model_byte_for_byte(desk: Desk) -> None:
    rows = desk.write("rows.csv", b'id,x\n1,"a"b\n2,"c"\n')
    assert desk.scored(rows, "--keep", "id")[1:] == [b"1," + of(b'"a"b'), b"2," + of(b'"c"')]


def test_a_lone_carriage_return_outside_quotes_rejects_its_record_with_row_and_byte(desk: Desk) -> None:
    rows = desk.write("rows.csv", b"id,x\n1,2\n3,4\r5\n6,7\n")
    assert desk.scored(rows, "--keep", "id") == [b"id,prediction", b"1," + of(b"2"), b"3,", b"6," + of(b"7")]
    rejected = b"\n".join(desk.rejected())
    assert rejected.startswith(b"1,")
    assert b"carriage return" in rejected
    assert b"at byte 12)" in rejected


def test_headers_that_differ_in_quoting_only_make_one_input(desk: Desk) -> None:
    one, two = desk.write("1.csv", b"id,x\n1,2\n"), desk.write("2.csv", b'"id","x"\n3,4\n')
    assert desk.scored(one, two, "--keep", "id")[1:] == [b"1," + of(b"2"), b"3," + of(b"4")]


@pytest.mark.parametrize("column", ["kept", "sent"])
def test_a_row_longer_than_a_chunk_is_rejected_and_the_others_are_scored(desk: Desk, column: str) -> None:
    long = b"l" * 100
    row = long + b",1" if column == "kept" else b"1," + long
    rows = desk.write("rows.csv", b"id,x\na,2\n" + row + b"\nb,3\n")
    assert desk.scored(rows, "--keep", "id", "--chunk-bytes", "50")[1:] in (
        [b"a," + of(b"2"), b",", b"b," + of(b"3")],
        [b"a," + of(b"2"), row.split(b",")[0] + b",", b"b," + of(b"3")],
    )
    (rejected,) = desk.rejected()
    assert rejected.startswith(b"1,")
    assert b"over the chunk limit of 50" in rejected


def test_an_unclosed_quote_ends_the_submit_and_says_where_it_opened(desk: Desk) -> None:
    rows = desk.write("rows.csv", b'id,x\n1,2\n3,"4\n5,6\n7,8\n')
    assert desk.run("submit", rows) == 2
    assert "byte 11" in desk.err
    assert desk.run("submit", rows, "--dry-run") == 2
    assert "byte 11" in desk.err


@pytest.mark.parametrize("options", [("--dry-run",), ()])
def test_a_submit_and_its_dry_run_refuse_the_same_columns(desk: Desk, options: tuple[str, ...]) -> None:
    names = b",".join(b"column_%d" % number for number in range(100_000))
    rows = desk.write("rows.csv", names + b"\n" + b"," * 99_999 + b"\n")
    assert desk.run("submit", rows, *options) == 2
    assert "the ledger has room for" in desk.err
    assert desk.sim.ledger.jobs(1) == []


def test_rows_with_missing_values_are_rejected_before_anything_is_sent(desk: Desk) -> None:
    rows = desk.write("rows.csv", b'id,x\n1,2\n2,NA\nNA,3\n4,\n5,"NULL"\n')
    assert desk.scored(rows, "--keep", "id", "--na", "NA,NULL,")[1:] == [
        b"1," + of(b"2"),
        b"2,",
        b"NA," + of(b"3"),
        b"4,",
        b"5,",
    ]
    assert [line.split(b",")[0] for line in desk.rejected()] == [b"1", b"3", b"4"]
    sent = [each.body for name, each in desk.sim.cloud.s3.objects.items() if "/input/" in name]
    assert sent == [b"2\n3\n"]
    assert len(desk.sim.endpoint.accepted) == 1


def test_a_frame_of_zstd_with_a_huge_window_is_refused_with_what_to_do(desk: Desk) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = stream.compress(b"a\n" + b"1\n" * 100_000) + stream.flush()
    assert desk.run("submit", desk.write("rows.csv.zst", data), "--dry-run") == 2
    assert "zstd window" in desk.err


@pytest.mark.parametrize("command", ["submit", "download", "rejects"])
def test_an_existing_file_stays_with_no_clobber(desk: Desk, command: str) -> None:
    desk.scored(desk.write("rows.csv", b"id,x\n1,2\n2,poison\n"), "--keep", "id")
    job_id = desk.sim.ledger.jobs(1)[0].job_id
    out = desk.write("out.csv", b"mine\n1\n")
    subject = str(desk.folder / "rows.csv") if command == "submit" else job_id
    assert desk.run(command, subject, "--output", out, "--no-clobber") == 2
    assert "exists: name another file" in desk.err
    assert Path(out).read_bytes() == b"mine\n1\n"
    assert len(desk.sim.ledger.jobs(5)) == 1


@pytest.mark.parametrize("command", ["submit", "download", "rejects"])
@pytest.mark.parametrize("name", ["out.feather", "out.xlsx", "out.json", "out.csv.bz2"])
def test_names_of_formats_that_are_not_written_are_refused_before_anything(desk: Desk, command: str, name: str) -> None:
    subject = desk.write("rows.csv", b"id,x\n1,2\n") if command == "submit" else "01ARZ3NDEKTSV4RRFFQ69G0001"
    assert desk.run(command, subject, "--output", str(desk.folder / name)) == 2
    assert "does not write" in desk.err
    assert desk.sim.ledger.jobs(1) == []


def test_a_result_is_compressed_as_its_name_says(desk: Desk) -> None:
    plain = b"\n".join(desk.scored(desk.write("rows.csv", b"id,x\n1,2\n2,3\n"), "--keep", "id")) + b"\n"
    job_id = desk.sim.ledger.jobs(1)[0].job_id
    for name, read in (("out.csv.gz", gzip.decompress), ("out.csv.zst", _unzstd), ("out.csv", bytes)):
        assert desk.run("download", job_id, "--output", str(desk.folder / name)) == 0, desk.err
        assert read((desk.folder / name).read_bytes()) == plain


def _unzstd(data: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
        return reader.read()


def test_rows_of_csv_are_not_sent_as_json(desk: Desk) -> None:
    rows = desk.write("rows.csv", b"id,x\n1,2\n")
    assert desk.run("submit", rows, "--content-type", "application/json") == 2
    assert "application/json" in desk.err
    assert desk.sim.ledger.jobs(1) == []


def test_rejects_leave_columns_out_that_were_not_sent_and_source_brings_the_original_records(desk: Desk) -> None:
    rows = desk.write("rows.csv", b'id,x,dropped\n1,2,a\n2,poison,"b, c"\n')
    desk.scored(rows, "--keep", "id", "--drop", "dropped")
    job_id = desk.sim.ledger.jobs(1)[0].job_id
    assert desk.run("rejects", job_id) == 0
    header, line = desk.out.splitlines()
    assert header == b"row,reason,id,x"
    assert line.endswith(b",2,poison")
    assert desk.run("rejects", job_id, "--source", rows) == 0
    header, line = desk.out.splitlines()
    assert header == b"row,reason,id,x,dropped"
    assert line.endswith(b',2,poison,"b, c"')
    other = desk.write("other.csv", b'id,x,dropped\n1,2,a\n2,poisoN,"b, c"\n')
    assert desk.run("rejects", job_id, "--source", other) == 2
