from __future__ import annotations

import base64
import zlib

from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.objects.checksums import Checksum, checksum, to_s3_crc32


@given(st.lists(st.binary(max_size=3000), max_size=4))
def test_checksums_are_those_of_zlib_whatever_computes_them(pieces: list[bytes]) -> None:
    fastest, plain = Checksum(), Checksum(zlib.crc32)
    for piece in pieces:
        fastest.update(piece)
        plain.update(piece)
    whole = b"".join(pieces)
    assert str(fastest) == str(plain) == checksum(*pieces) == f"crc32:{zlib.crc32(whole):08x}"
    assert fastest.size_bytes == len(whole)
    assert base64.b64decode(to_s3_crc32(checksum(whole))) == zlib.crc32(whole).to_bytes(4, "big")
