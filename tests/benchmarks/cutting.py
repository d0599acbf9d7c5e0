"""Cutting at record boundaries against programs that read or split the same file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import rmtree

from tests.benchmarks import inputs
from tests.benchmarks.contests import SECONDS, Benchmark, Contest, Contestant, Figure, Ratio, Run, Scale
from tests.benchmarks.file_cache import FOLDER, checksum_of, write_repeated
from tests.benchmarks.processes import ours, peer, program, reporting

_SIZE_BYTES = 10**9
_CHUNK_BYTES = 4 * 1024 * 1024


@contextmanager
def _counting(kind: str, scale: Scale) -> Iterator[Contest]:
    # A quick run takes three tenths of the work: of less, fixed costs would decide.
    file = inputs.cached(kind, min(_SIZE_BYTES, scale.of(3 * _SIZE_BYTES)))
    columns = str(inputs.COLUMNS)
    yield Contest(
        {
            "cut+count": Contestant(reporting(ours("cutting", "count", file.path)), file.rows),
            "cut+count+check": Contestant(reporting(ours("cutting", "check", file.path, columns)), file.rows),
            "leanest sketch": Contestant(reporting(ours("lean_check", file.path, columns)), file.rows),
            "wc -l": Contestant(program(["wc", "-l", file.path], _first_number), file.newlines),
            "pyarrow": Contestant(reporting(peer("pyarrow_rows", file.path, columns)), file.rows),
        }
    )


@contextmanager
def _splitting(kind: str, scale: Scale) -> Iterator[Contest]:
    file = inputs.cached(kind, scale.of(_SIZE_BYTES))
    folder = FOLDER / "chunks"
    split = ["split", "-C", str(_CHUNK_BYTES), "--suffix-length=6", file.path, f"{folder}/"]
    into = partial(_into, folder, file.size_bytes)
    ways = {"cut to files": reporting(ours("cutting", "split", file.path, folder)), "split -C": program(split)}
    try:
        yield Contest({name: Contestant(partial(into, way), file.checksum) for name, way in ways.items()})
    finally:
        rmtree(folder, ignore_errors=True)


def _into(folder: Path, size_bytes: int, run: Callable[[], Run]) -> Run:
    """Run a contestant that fills a folder.

    The answer is the checksum of its files, one after the other.

    Each run begins with no dirty pages and with as much memory freed just before: a virtual machine
    may have to get free memory from its host first, which takes longer than the work.
    """
    rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.sync()
    room = folder / "room"
    write_repeated(room, bytes(_CHUNK_BYTES), size_bytes // _CHUNK_BYTES)
    room.unlink()
    return Run(run().figures, checksum_of(*sorted(folder.iterdir())))


def _first_number(output: bytes) -> int:
    return int(output.split()[0])


def _against(ours: str, theirs: str, kind: str, bar: float) -> Ratio:
    return Ratio(
        name=f"{ours}, {kind} ÷ {theirs}",
        ours=Figure.of(SECONDS, ours),
        theirs=Figure.of(SECONDS, theirs),
        bar=bar,
        unit="s",
        note="time for 1 GB at full scale; without the start of Python",
    )


def _benchmarks(kind: str, *, count_bar: float, check_bar: float, split_bar: float) -> Iterator[Benchmark]:
    counted = (
        _against("cut+count", "wc -l", kind, count_bar),
        _against("cut+count+check", "wc -l", kind, check_bar),
        _against("cut+count+check", "leanest sketch", kind, 1.5),
        _against("cut+count", "pyarrow", kind, 0.15),
    )
    yield Benchmark(f"cut-{kind}", partial(_counting, kind), counted)
    yield Benchmark(
        f"split-{kind}", partial(_splitting, kind), (_against("cut to files", "split -C", kind, split_bar),)
    )


BENCHMARKS = (
    *_benchmarks("numeric", count_bar=4, check_bar=2, split_bar=1.5),
    *_benchmarks("text", count_bar=8, check_bar=5, split_bar=2.5),
)
