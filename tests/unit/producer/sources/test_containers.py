"""Directories and prefixes as one input, and files and objects that change midway."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tailrace.sources.origins import S3Objects
from tailrace.sources.source import Source
from tailrace_core.aws.calls import Call
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import ConditionFailedError, InputError, NotFoundError
from tailrace_core.objects.listing import is_source

STRIP = HeaderPolicy.STRIP


class Bucket:
    """The objects of a bucket ``b``, each with a number for its ETag that grows as it is replaced."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.versions = dict.fromkeys(objects, 1)
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Any:
        self.calls.append(call)
        if call.operation == "list_objects_v2":
            keys = sorted(key for key in self.objects if key.startswith(call.params["Prefix"]))
            sizes = {key: len(self.objects[key]) for key in keys}
            return {"Contents": [{"Key": key, "Size": sizes[key], "ETag": self.etag(key)} for key in keys]}
        key = call.params["Key"]
        if key not in self.objects:
            raise NotFoundError("NoSuchKey")
        if call.params.get("IfMatch", self.etag(key)) != self.etag(key):
            raise ConditionFailedError("PreconditionFailed")
        data = self.objects[key]
        if "Range" in call.params:
            start, stop = map(int, call.params["Range"].removeprefix("bytes=").split("-"))
            data = data[start : stop + 1]
        return {"Body": io.BytesIO(data), "ContentLength": len(data), "ETag": self.etag(key)}

    def etag(self, key: str) -> str:
        return f'"{self.versions[key]}"'

    def replace(self, key: str, data: bytes) -> None:
        self.objects[key] = data
        self.versions[key] += 1


def open_input(name: str, bucket: Bucket | None = None, pattern: str | None = None) -> Source:
    return Source.open([name], header=STRIP, s3=None if bucket is None else S3Objects(bucket), pattern=pattern)


def files(day: int) -> dict[str, bytes]:
    text = b"id,x\n" + b"".join(b"%d,%d\n" % (day, row) for row in range(3))
    return {
        f"day={day}/a.csv": text,
        f"day={day}/b.csv.gz": gzip.compress(text),
        f"day={day}/c": zstandard.compress(text),
    }


def test_a_prefix_is_one_input_in_the_order_of_its_keys() -> None:
    named = {**files(10), **files(9), "_SUCCESS": b"", "day=9/": b"", "day=9/_temporary/0/a.csv": b"half"}
    bucket = Bucket({f"sales/{key}": data for key, data in named.items()} | {"sales": b"another", "other/a": b""})
    with open_input("s3://b/sales/", bucket) as source:
        data = b"".join(source.blocks())
        assert data == b"".join(b"%d,%d\n" % (day, row) for day in (10, 9) for _ in range(3) for row in range(3))
        assert [name.removeprefix("s3://b/sales/") for name in source.names] == [*files(10), *files(9)]
        assert source.bytes_read == source.size_hint_bytes
    reads = [call.params for call in bucket.calls if call.operation == "get_object"]
    assert all(each["IfMatch"] == bucket.etag(each["Key"]) for each in reads)


def test_the_first_of_many_objects_that_does_not_fit_is_named() -> None:
    bucket = Bucket({f"p/{number:02d}": b"id\n1\n" if number % 9 else b"other\n2\n" for number in range(1, 40)})
    with pytest.raises(InputError, match="the header of s3://b/p/09 is not that of s3://b/p/01"):
        open_input("s3://b/p/", bucket)


_FOLDERS = st.text("ab_.=", min_size=1, max_size=3).filter(lambda name: name.strip("."))
_NAMES = st.lists(st.lists(_FOLDERS, min_size=1, max_size=3).map("/".join), unique=True, max_size=8)


@given(_NAMES)
def test_a_directory_is_read_as_a_prefix_of_the_same_names(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("input")
    kept: dict[str, bytes] = {}
    for name in names:
        path = folder / name
        data = b"name\n%s\n" % name.encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError:  # a file stands where another one needs a folder
            continue
        kept[name] = data
    bucket = Bucket({f"p/{key}": data for key, data in kept.items()})
    if not any(map(is_source, kept)):
        with pytest.raises(InputError, match="below"):
            open_input(str(folder))
        return
    with open_input(str(folder)) as local, open_input("s3://b/p/", bucket) as remote:
        assert b"".join(local.blocks()) == b"".join(remote.blocks())


def test_a_pattern_chooses_below_a_directory_and_a_prefix(tmp_path: Path) -> None:
    named = {**files(1), **files(2)}
    for key, data in named.items():
        (tmp_path / key).parent.mkdir(exist_ok=True)
        (tmp_path / key).write_bytes(data)
    bucket = Bucket({f"p/{key}": data for key, data in named.items()})
    for name, where in ((str(tmp_path), None), (f"{tmp_path}/", None), ("s3://b/p/", bucket)):
        with open_input(name, where, "*.csv") as source:
            assert [each[-11:] for each in source.names] == ["day=1/a.csv", "day=2/a.csv"]
        with pytest.raises(
            InputError, match=r"6 (files|objects) are below .* and matches '\*\.tsv'.*check the pattern"
        ):
            open_input(name, where, "*.tsv")


@pytest.mark.parametrize("name", ["-", "s3://b/p/day=1/a.csv", __file__])
def test_a_pattern_without_anything_to_choose_from_is_refused(name: str) -> None:
    bucket = S3Objects(Bucket({f"p/{key}": data for key, data in files(1).items()}))
    with pytest.raises(InputError, match="none is named: name one"):
        Source.open([name], header=STRIP, stdin=io.BytesIO(b"a\n"), s3=bucket, pattern="*.csv")


def test_what_leads_nowhere_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no object below s3://b/p/: check the name"):
        open_input("s3://b/p/", Bucket({"q/a": b""}))
    with pytest.raises(InputError, match="1 object is below s3://b/p/, and none has a name"):
        open_input("s3://b/p/", Bucket({"p/_SUCCESS": b""}))
    with pytest.raises(InputError, match="there is no file below"):
        open_input(str(tmp_path))


@pytest.mark.parametrize("name", ["s3://b/p/", "s3://b/p/2"])
def test_an_object_that_changes_midway_is_refused_by_name(name: str) -> None:
    bucket = Bucket({"p/2": b"id\n2\n"} | ({"p/1": b"id\n1\n", "p/3": b"id\n3\n"} if name.endswith("/") else {}))
    with open_input(name, bucket) as source:
        blocks = source.blocks() if name.endswith("/") else iter(())
        next(blocks, None)
        bucket.replace("p/2", b"id\n9\n")
        with pytest.raises(InputError, match="s3://b/p/2 has changed or is gone since it was named"):
            list(blocks) if name.endswith("/") else Source([*source._origins], STRIP)


@pytest.mark.parametrize("longer", [False, True])
def test_a_file_that_changes_midway_is_refused_by_name(tmp_path: Path, longer: bool) -> None:  # noqa: FBT001 - a case
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_bytes(b"id\n" + b"1\n" * 99)
    second = tmp_path / "2.csv"
    with open_input(str(tmp_path)) as source:
        blocks = source.blocks()
        if longer:
            # While it is read: its end is another one than it was.
            assert [next(blocks), next(blocks)] == [b"1\n" * 99] * 2
            with second.open("ab") as file:
                file.write(b"7\n")
        else:
            second.write_bytes(b"id\n9\n")
            os.utime(second, ns=(1, 1))
        with pytest.raises(InputError, match=r"2\.csv has changed since it was named"):
            list(blocks)
