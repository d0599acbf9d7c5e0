from __future__ import annotations

import gzip
import os
import stat
import threading
from pathlib import Path

import pytest
import zstandard

from tailrace.download import targets
from tailrace_core.errors import InputError


def write(target: str | Path, data: bytes = b"prediction\n1\n") -> None:
    targets.check(target)
    with targets.open_target(target) as file:
        file.write(data)


def write_half(path: Path) -> None:
    with targets.open_target(path) as file:
        file.write(b"half")
        raise OSError("disk full")


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with pytest.raises(OSError, match="disk full"):
        write_half(path)
    assert list(tmp_path.iterdir()) == []

    write(path)
    assert path.read_bytes() == b"prediction\n1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_fifo_is_written_to_and_stays_a_fifo(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    write(fifo)
    reader.join(timeout=60)
    assert read == [b"prediction\n1\n"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_device_that_a_link_leads_to_stays_a_device_and_the_link_a_link(tmp_path: Path) -> None:
    # By way of a link in a folder of our own: a defect would else turn the machine's device into a
    # file.
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    write(link)
    assert link.is_symlink()
    assert stat.S_ISCHR(link.stat().st_mode)
    assert list(tmp_path.iterdir()) == [link]


@pytest.mark.parametrize("there", [True, False])
def test_of_a_link_the_file_that_it_leads_to_is_written(tmp_path: Path, *, there: bool) -> None:
    real = tmp_path / "folder" / "real.csv"
    real.parent.mkdir()
    if there:
        real.write_bytes(b"before")
    link = tmp_path / "link.csv"
    link.symlink_to(real)
    write(link)
    assert link.is_symlink()
    assert real.read_bytes() == b"prediction\n1\n"


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.touch()
    path.chmod(0o640)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_name_in_gz_is_compressed_and_the_same_result_gives_the_same_file(tmp_path: Path) -> None:
    write(tmp_path / "one.csv.gz")
    write(tmp_path / "two.csv.gz")
    one = (tmp_path / "one.csv.gz").read_bytes()
    assert gzip.decompress(one) == b"prediction\n1\n"
    assert one == (tmp_path / "two.csv.gz").read_bytes()


def test_the_check_leaves_nothing_behind(tmp_path: Path) -> None:
    targets.check(tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".", "no/out.csv", "x" * 300])
def test_what_cannot_be_written_is_found_before_anything_is_done(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        targets.check(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody may write to")
def test_a_folder_that_takes_no_files_is_found_before_anything_is_done() -> None:
    with pytest.raises(InputError, match="cannot be written"):
        targets.check("/proc/out.csv")


def test_a_name_in_zst_is_compressed_with_zstd(tmp_path: Path) -> None:
    path = tmp_path / "out.csv.zst"
    write(path)
    assert zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()) == b"prediction\n1\n"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("out.parquet.gz", "format"),
        ("out.XLSX", "format"),
        ("out.json", "format"),
        ("out.jsonl.gz", "format"),
        ("out.csv.bz2", "compression"),
        ("out.csv.zstd", "compression"),
        ("out.csv.gzip", "compression"),
        ("out.zip", "compression"),
    ],
)
def test_a_name_of_a_format_that_is_not_written_is_refused(tmp_path: Path, name: str, what: str) -> None:
    with pytest.raises(InputError, match=rf"names a {what} that Tailrace does not write; it writes CSV"):
        targets.check(tmp_path / name)


@pytest.mark.parametrize("name", ["out.json", "out.jsonl", "out.jsonl.gz", "out", "out.csv", "out.txt", "out.tsv.zst"])
def test_json_may_be_written_to_a_name_that_says_so_and_csv_to_any_other(tmp_path: Path, name: str) -> None:
    targets.check(tmp_path / name, json=True)


@pytest.mark.parametrize("through", ["out.csv", "link.csv", "hard.csv", "folder/../out.csv"])
def test_an_output_that_is_one_of_the_sources_is_refused_and_the_source_stays(tmp_path: Path, through: str) -> None:
    source = tmp_path / "out.csv"
    source.write_bytes(b"a,b\n1,2\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.csv").symlink_to(source)
    (tmp_path / "hard.csv").hardlink_to(source)
    with pytest.raises(InputError, match=r"is the input .*, which it would replace"):
        targets.check(tmp_path / through, sources=["no such file", str(source)])
    assert source.read_bytes() == b"a,b\n1,2\n"


def test_an_existing_file_is_replaced_only_if_that_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    targets.check(path, clobber=False)
    path.touch()
    targets.check(path)
    with pytest.raises(InputError, match="exists: name another file, or leave out --no-clobber"):
        targets.check(path, clobber=False)


def test_only_results_are_parquet_or_objects_of_s3(tmp_path: Path) -> None:
    for target in (str(tmp_path / "out.parquet"), "s3://lake/out.csv"):
        targets.check(target)
        with pytest.raises(InputError, match="only results are written to S3 and as Parquet"):
            targets.check(target, result=False)
    with pytest.raises(InputError, match="is Parquet, whose cells no spreadsheet evaluates"):
        targets.require_csv(tmp_path / "out.parquet")
    targets.require_csv("s3://lake/out.csv")


def test_an_object_that_is_the_input_is_refused() -> None:
    with pytest.raises(InputError, match="is the input, which it would replace: name another object"):
        targets.check("s3://lake/in.csv", sources=["a.csv", "s3://lake/in.csv"])


def test_bytes_are_counted_as_they_are_stored(tmp_path: Path) -> None:
    counted: list[targets.CountingFile] = []
    with targets.open_target(tmp_path / "out.csv.gz", counted=counted) as file:
        file.write(b"x" * 10_000)
    assert counted[0].size_bytes == (tmp_path / "out.csv.gz").stat().st_size < 100
