from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tailrace.sources.origins import RemoteObject
from tailrace.sources.source import Source
from tailrace_core.compression.decompression import decompress
from tailrace_core.compression.zstd_pieces import ZstdPieces
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.records import split_records
from tailrace_core.errors import AccessDeniedError, InputError, NotFoundError
from tests.unit.csv_texts import Table, tables

STRIP, REPEAT, NONE = HeaderPolicy.STRIP, HeaderPolicy.REPEAT, HeaderPolicy.NONE


class Dribble(io.BytesIO):
    """A stream that gives fewer bytes than it is asked for, as pipes and sockets do."""

    def __init__(self, data: bytes, most: int = 10**9) -> None:
        super().__init__(data)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._most if size is None or size < 0 else min(size, self._most))

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(size)


class Objects:
    """Objects of a bucket called ``b``, and which of their bodies were opened."""

    def __init__(self, contents: Mapping[str, bytes], most: int = 10**9) -> None:
        self._contents = contents
        self._most = most
        self.bodies: list[Dribble] = []

    def __call__(self, bucket: str, key: str) -> RemoteObject:
        if bucket != "b" or key not in self._contents:
            raise NotFoundError(f"no object {key} in {bucket}")
        self.bodies.append(Dribble(self._contents[key], self._most))
        return RemoteObject(self.bodies[-1], len(self._contents[key]))


def read(contents: Mapping[str, bytes], header: HeaderPolicy, most: int = 10**9) -> bytes:
    objects = Objects(contents, most)
    with Source.open([f"s3://b/{key}" for key in contents], header=header, s3=objects) as source:
        data = b"".join(source.blocks())
        assert source.bytes_read == source.size_hint_bytes
    assert all(body.closed for body in objects.bodies)
    return data


def read_stdin(data: bytes, header: HeaderPolicy = STRIP, most: int = 10**9) -> bytes:
    with Source.open(["-"], header=header, stdin=Dribble(data, most)) as source:
        return b"".join(source.blocks())


@given(tables(min_rows=1), st.sampled_from(["plain", "gzip", "members", "zstd", "frames"]), st.integers(1, 40))
def test_contents_are_the_same_whatever_the_compression_and_the_reads(table: Table, packing: str, most: int) -> None:
    data = b"id,x\n" + table.data
    half = len(data) // 2
    packed = {
        "plain": data,
        "gzip": gzip.compress(data),
        "members": gzip.compress(data[:half]) + gzip.compress(b"") + gzip.compress(data[half:]) + b"\0" * 7,
        "zstd": zstandard.compress(data),
        "frames": zstandard.compress(data[:half]) + zstandard.compress(data[half:]),
    }[packing]
    assert read({"k": packed}, NONE, most) == data
    assert read({"k": packed}, STRIP, most) == data.removeprefix(b"id,x\n")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_data_that_is_cut_off_names_the_input_and_the_offset(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b"id,x\n" + bytes(range(48, 58)) * 5000 + b"\n")
    for size in (5, len(packed) // 2, len(packed) - 1):
        with pytest.raises(InputError, match=rf"s3://b/k is cut off: its .* data ends at byte {size}, in the middle"):
            read({"k": packed[:size]}, NONE)


def test_damaged_gzip_is_refused() -> None:
    packed = bytearray(gzip.compress(b"id,x\n" + b"1,2\n" * 1000))
    packed[-8] ^= 1
    with pytest.raises(InputError, match="s3://b/k is damaged: gzip data near byte"):
        read({"k": bytes(packed)}, STRIP)


def test_garbage_after_gzip_is_refused() -> None:
    with pytest.raises(InputError, match="s3://b/k is damaged"):
        read({"k": gzip.compress(b"id\n1\n") + b"garbage"}, STRIP)


def test_a_gzip_bomb_comes_in_blocks_of_bounded_size() -> None:
    packed = gzip.compress(b"id\n" + b"1\n" * 10_000_000)
    with Source.open(["s3://b/k"], header=STRIP, s3=Objects({"k": packed})) as source:
        sizes = [len(block) for block in source.blocks()]
    assert sum(sizes) == 20_000_000
    assert max(sizes) <= 1024 * 1024


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"id,x\n", "holds a header only, and no data"),
        (b"id,x", "holds a header only, and no data"),
        ("id,x\n1,2\n".encode("utf-16"), "is UTF-16 or UTF-32"),
        ("id,x\n1,2\n".encode("utf-16-le"), "is UTF-16 or UTF-32"),
        ("id,x\n1,2\n".encode("utf-16-be"), "is UTF-16 or UTF-32"),
        ("id,x\n1,2\n".encode("utf-32"), "is UTF-16 or UTF-32"),
        (b"PK\x03\x04abcdefgh", "is a zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), "is a workbook of an older Excel"),
        (b"PAR1abcdefgh", "is a Parquet file"),
        (b"id,id\n1,2\n", "names a column twice"),
        (b'"id,x\n1,2\n', "not a list of column names|quotes do not pair up"),
    ],
)
def test_what_is_no_csv_with_data_is_refused(data: bytes, message: str) -> None:
    objects = Objects({"k": data}, most=3)
    with pytest.raises(InputError, match=message):
        Source.open(["s3://b/k"], header=STRIP, s3=objects)
    assert all(body.closed for body in objects.bodies)


def test_an_empty_gzip_is_empty() -> None:
    with pytest.raises(InputError, match="is empty"):
        read({"k": gzip.compress(b"")}, STRIP)


@pytest.mark.parametrize("most", [1, 2, 5, 10**9])
def test_a_byte_order_mark_is_dropped_and_noted(most: int) -> None:
    with Source.open(["-"], header=STRIP, stdin=Dribble(b"\xef\xbb\xbfid,x\n1,2\n", most)) as source:
        assert source.bom_dropped
        assert source.columns == ("id", "x")
        assert b"".join(source.blocks()) == b"1,2\n"
    assert read_stdin(b"\xef\xbb\xbf1,2\n", NONE, most) == b"1,2\n"


@pytest.mark.parametrize("policy", [STRIP, REPEAT])
def test_a_header_is_left_out_of_the_data_and_named(policy: HeaderPolicy) -> None:
    data = b'"a,\n1",b\r\n1,2\r\n'
    with Source.open(["-"], header=policy, stdin=Dribble(data)) as source:
        assert source.header == b'"a,\n1",b'
        assert source.columns == ("a,\n1", "b")
        assert b"".join(source.blocks()) == b"1,2\r\n"


def test_without_a_header_every_record_is_data() -> None:
    with Source.open(["-"], header=NONE, stdin=Dribble(b"1,2\n3,4")) as source:
        assert source.header is None
        assert source.columns == ("column_1", "column_2")
        assert b"".join(source.blocks()) == b"1,2\n3,4"


@given(st.lists(tables(min_rows=1, max_columns=1), min_size=1, max_size=4), st.integers(1, 30))
def test_joined_files_give_the_records_of_each_in_order(files: list[Table], most: int) -> None:
    contents = {str(number): b"id\n" + table.data for number, table in enumerate(files)}
    joined = read(contents, STRIP, most)
    expected = [record for table in files for record in split_records(table.data)]
    assert [_bare(record) for record in split_records(joined)] == [_bare(record) for record in expected]


def test_a_missing_last_newline_is_put_in_between_files_and_only_there() -> None:
    assert read({"1": b"id\r\n1", "2": b"id\r\n2\r\n", "3": b"id\r\n3"}, STRIP) == b"1\r\n2\r\n3"
    assert read({"1": b"1\n2", "2": b"3"}, NONE) == b"1\n2\n3"


def test_another_header_is_refused_early_and_names_both() -> None:
    objects = Objects({"1": b"id,x\n1,2\n", "2": b"id,x\n", "3": b"id,y\n1,2\n"})
    with pytest.raises(InputError, match=r"the header of s3://b/3 is not that of s3://b/1: 'id,y' instead of 'id,x'"):
        Source.open(["s3://b/1", "s3://b/2", "s3://b/3"], header=STRIP, s3=objects)
    assert all(body.closed for body in objects.bodies)


def test_standard_input_after_a_file_is_checked_when_it_is_reached() -> None:
    objects = Objects({"1": b"id\n1\n"})
    with (
        Source.open(["s3://b/1", "-"], header=STRIP, s3=objects, stdin=Dribble(b"no\n2\n")) as source,
        pytest.raises(InputError, match="the header of standard input is not that of s3://b/1"),
    ):
        list(source.blocks())


def test_files_of_nothing_but_headers_are_refused_together_but_not_beside_data() -> None:
    with pytest.raises(InputError, match="holds a header only"):
        read({"1": b"id\n", "2": b"id\n"}, STRIP)
    assert read({"1": b"id\n", "2": b"id\n7\n"}, STRIP) == b"7\n"


def test_a_file_that_ends_inside_quotes_may_not_swallow_the_next() -> None:
    with pytest.raises(InputError, match="s3://b/1 ends inside quotes"):
        read({"1": b'id\n"1\n', "2": b"id\n2\n"}, STRIP)


def test_an_input_is_read_once() -> None:
    with Source.open(["-"], header=NONE, stdin=Dribble(b"1\n")) as source:
        list(source.blocks())
        with pytest.raises(InputError, match="has been read already"):
            source.blocks()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no input is named"),
        (["-"], "standard input is not available"),
        (["s3://b/gone"], "bucket b has no object gone"),
        (["s3://b/days/*.csv"], r"name a prefix.*: s3://b/days/ --pattern '\*\.csv'"),
        (["a,b\n1,2\n"], "give it as a stream: io.BytesIO"),
        (["s3://b"], "is not the address of an object"),
        (["s3:///k"], "is not the address of an object"),
        (["s3://no_bucket!/k"], "is not the address of an object"),
        (["s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/point/k"], "with the bucket's name"),
        (["s3://b/\udcff"], "is not the address of an object"),
    ],
)
def test_names_that_lead_nowhere_say_so(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Source.open(names, header=STRIP, s3=Objects({}))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("s3://b/k.csv", r"s3://b/k\.csv may not be read or does not exist, which S3 tells apart only for those"),
        ("s3://b/days/*.csv", r"does not exist.* who may list the bucket; .*s3://b/days/ --pattern '\*\.csv'"),
    ],
)
def test_an_object_that_may_not_be_read_is_not_called_missing(name: str, message: str) -> None:
    def refused(_bucket: str, _key: str) -> RemoteObject:
        raise AccessDeniedError("s3.get_object: Access Denied", code="AccessDenied")

    with pytest.raises(AccessDeniedError, match=message) as raised:
        Source.open([name], header=STRIP, s3=refused)
    assert "Access Denied" in str(raised.value)
    assert raised.value.details["code"] == "AccessDenied"


def test_a_missing_bucket_is_named_as_such() -> None:
    def refused(_bucket: str, _key: str) -> RemoteObject:
        raise NotFoundError("s3.get_object: The specified bucket does not exist", code="NoSuchBucket")

    with pytest.raises(InputError, match="there is no bucket b, so s3://b/k cannot be read"):
        Source.open(["s3://b/k"], header=STRIP, s3=refused)


def test_s3_without_access_says_so() -> None:
    with pytest.raises(InputError, match="has no access to S3"):
        Source.open(["s3://b/k"], header=STRIP)


def test_a_read_that_fails_names_the_input_and_how_far_it_came() -> None:
    class Broken(Dribble):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 100:
                raise OSError("the disk is gone")
            return super().read(size)

    with (
        Source.open(["-"], header=STRIP, stdin=Broken(b"id\n" + b"1\n" * 100, 10)) as source,
        pytest.raises(InputError, match="standard input cannot be read further than byte 100: the disk is gone"),
    ):
        list(source.blocks())


def _bare(record: bytes) -> bytes:
    return record.removesuffix(b"\n").removesuffix(b"\r")


@pytest.mark.parametrize("header", [STRIP, NONE])
@pytest.mark.parametrize("most", [1, 10**9])
def test_a_place_names_the_byte_of_the_file_whatever_was_left_out(header: HeaderPolicy, most: int) -> None:
    contents = {"one.csv": b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4", "two.csv": b"a,b\r\n5,6\r\n"}
    with Source.open([f"s3://b/{key}" for key in contents], header=header, s3=Objects(contents, most)) as source:
        data = b"".join(source.blocks())
        places = {field: source.describe_position(data.index(field)) for field in (b"3,4", b"5,6")}
    assert places == {
        b"3,4": f"at byte {contents['one.csv'].index(b'3,4')} of s3://b/one.csv",
        b"5,6": f"at byte {contents['two.csv'].index(b'5,6')} of s3://b/two.csv",
    }


def test_the_place_in_a_single_file_goes_without_its_name() -> None:
    with Source.open(["-"], header=STRIP, stdin=Dribble(b"a,b\n1,2\n3,4\n")) as source:
        assert list(source.blocks())
        assert source.describe_position(4) == "at byte 8"


def test_a_header_that_differs_in_quoting_only_is_the_same_header() -> None:
    contents = {"1": b'id,"a ""b""",x\n1,2,3\n', "2": b'"id","a ""b""","x"\r\n4,5,6\n'}
    assert read(contents, STRIP) == b"1,2,3\n4,5,6\n"
    with pytest.raises(InputError, match="is not that of"):
        read({"1": b"id,x\n1,2\n", "2": b'"id,x"\n1,2\n'}, STRIP)


@given(tables(min_rows=1), st.lists(st.booleans(), min_size=1, max_size=3), st.integers(1, 40), st.booleans())
def test_zstd_frames_of_all_kinds_are_read_in_pieces(
    table: Table,
    sizes: list[bool],
    most: int,
    checksum: bool,  # noqa: FBT001  drawn
) -> None:
    frames = b""
    for known in sizes:
        packer = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=known)
        frames += packer.compress(table.data * 3) + b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    pieces = ZstdPieces()
    blocks = [frames[at : at + most] for at in range(0, len(frames), most)]
    assert b"".join(piece for block in blocks for piece in pieces.of(block)) == frames
    assert b"".join(decompress(iter(blocks), "f")) == table.data * 3 * len(sizes)


def test_a_zstd_bomb_comes_in_blocks_of_bounded_size() -> None:
    data = b"1,2\n" * (1 << 24)
    packer = zstandard.ZstdCompressor(level=19)
    sizes = [len(block) for block in decompress(iter([packer.compress(data)]), "bomb.zst")]
    assert sum(sizes) == len(data)
    assert max(sizes) < 2 * 1024 * 1024


def test_a_zstd_frame_with_a_large_window_is_refused_with_what_to_do() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=3)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(b"1,2\n" * 1000) + packer.flush()
    with pytest.raises(InputError, match=r"f.zst needs a zstd window of more than 8388608 bytes.*without --long"):
        list(decompress(iter([packed]), "f.zst"))
