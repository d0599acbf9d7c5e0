from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard

from tailrace.sources.source import Source
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import InputError
from tailrace_core.records.cutting import Limits, cut

STRIP = HeaderPolicy.STRIP


def test_a_pattern_joins_its_files_sorted_by_name_whatever_their_compression(tmp_path: Path) -> None:
    (tmp_path / "part-2.csv").write_bytes(gzip.compress(b"id\n2\n"))
    (tmp_path / "part-1.csv").write_bytes(b"id\n1")
    (tmp_path / "part-3.csv").write_bytes(b"id\n3\n")
    (tmp_path / "other.csv").write_bytes(b"no\n0\n")
    (tmp_path / "part-x.csv").mkdir()
    with Source.open([str(tmp_path / "part-*.csv")], header=STRIP) as source:
        assert [Path(name).name for name in source.names] == ["part-1.csv", "part-2.csv", "part-3.csv"]
        assert source.size_hint_bytes == sum((tmp_path / f"part-{n}.csv").stat().st_size for n in (1, 2, 3))
        assert b"".join(source.blocks()) == b"1\n2\n3\n"
        assert source.bytes_read == source.size_hint_bytes


def test_a_name_that_looks_like_a_pattern_but_exists_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_bytes(b"id\n1\n")
    (tmp_path / "a1.csv").write_bytes(b"id\n2\n")
    with Source.open([str(tmp_path / "a[1].csv")], header=STRIP) as source:
        assert b"".join(source.blocks()) == b"1\n"


def test_a_large_file_comes_in_bounded_blocks_and_whole(tmp_path: Path) -> None:
    content = b"".join(b"%d,%d\n" % (number, number * 7) for number in range(400_000))
    (tmp_path / "large.csv").write_bytes(b"id,x\n" + content)
    with Source.open([str(tmp_path / "large.csv")], header=STRIP) as source:
        blocks = list(source.blocks())
    assert b"".join(blocks) == content
    assert max(map(len, blocks)) <= 1024 * 1024


_DRY_RUN = """
import re, sys
from pathlib import Path
from tailrace.cli.application import run
code = run(["submit", sys.argv[1], "--dry-run", "--json"])
# Not `ru_maxrss`: that begins with the peak of the process that started this one.
peak_kb = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
sys.exit(code or print(int(peak_kb) // 1024, file=sys.stderr))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_a_dry_run_of_a_file_that_unpacks_to_400_mb_takes_bounded_memory(tmp_path: Path) -> None:
    rows, size = 8_000, 50_000
    packer = zstandard.ZstdCompressor(level=19).compressobj()
    packed = packer.compress(b"x\n") + b"".join(packer.compress(b"a" * size + b"\n") for _ in range(rows))
    (tmp_path / "bomb.csv.zst").write_bytes(packed + packer.flush())
    assert (tmp_path / "bomb.csv.zst").stat().st_size < 200_000
    done = subprocess.run(
        [sys.executable, "-c", _DRY_RUN, str(tmp_path / "bomb.csv.zst")], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["rows"] == rows
    peak_mb = int(done.stderr.splitlines()[-1])
    assert peak_mb < 200, peak_mb


def test_a_named_pipe_is_read_once_and_whole(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"id\n1\n2\n",), daemon=True)
    writer.start()
    with Source.open([str(pipe)], header=STRIP) as source:
        assert source.size_hint_bytes is None
        assert b"".join(source.blocks()) == b"1\n2\n"
    writer.join(timeout=60)
    assert not writer.is_alive()


def test_a_cut_comes_out_of_a_pipe_before_its_writer_goes_on() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdin, os.fdopen(writing, "wb", buffering=0) as writer:
        record = b"1" * 40 + b"\n"
        writer.write(b"id\n" + 2 * record + b"3")
        with Source.open(["-"], header=STRIP, stdin=stdin) as source:
            cuts = cut(source.blocks(), Limits(rows=2, size_bytes=1000))
            with ThreadPoolExecutor(1) as pool:
                first = pool.submit(next, cuts)
                try:
                    assert first.result(timeout=60).data == 2 * record
                finally:
                    writer.close()
            assert [each.data for each in cuts] == [b"3"]


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.csv does not exist: check the path"):
        Source.open([str(tmp_path / "gone.csv")], header=STRIP)
    with pytest.raises(InputError, match="there is no file below"):
        Source.open([str(tmp_path)], header=STRIP)
    with pytest.raises(InputError, match=r"no file matches .*\*\.csv"):
        Source.open([str(tmp_path / "*.csv")], header=STRIP)


def test_no_file_stays_open(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv").write_bytes(b"id\n1\n")
    with Source.open([str(tmp_path / "*.csv")], header=STRIP) as source:
        list(source.blocks())
    with pytest.raises(InputError):
        Source.open([str(tmp_path / "0.csv"), str(tmp_path / "gone.csv")], header=STRIP)
    # Other threads' sockets and files come and go meanwhile.
    opened = {os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()}
    assert {each for each in opened if each.startswith(str(tmp_path.resolve()))} == set()
