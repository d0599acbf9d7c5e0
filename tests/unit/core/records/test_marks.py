"""Two threads find the same marks as one."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from tailrace_core.records.marks import Marks

_MIB = 1024 * 1024


@pytest.mark.parametrize("size", [_MIB, _MIB + 1, _MIB + 64, 2 * _MIB - 1])
@pytest.mark.parametrize("quotes_before_the_middle", [0, 1, 2])
def test_two_threads_find_what_one_finds(size: int, quotes_before_the_middle: int) -> None:
    octets = np.frombuffer(bytearray(random.Random(size).choices(b'ab,\n"', k=size)), np.uint8)
    octets[: size // 2][octets[: size // 2] == ord('"')] = ord("a")
    octets[100 : 100 + quotes_before_the_middle] = ord('"')
    alone = Marks.find(octets, has_quotes=True)
    with ThreadPoolExecutor(1) as helper:
        shared = Marks.find(octets, has_quotes=True, helper=helper)
    assert alone.quoted is not None
    assert shared.quoted is not None
    np.testing.assert_array_equal(shared.newlines, alone.newlines)
    np.testing.assert_array_equal(shared.quoted.quotes, alone.quoted.quotes)
    np.testing.assert_array_equal(shared.quoted.commas, alone.quoted.commas)
    np.testing.assert_array_equal(_truncated(shared.quoted.parity, size), _truncated(alone.quoted.parity, size))


def test_nobody_waits_for_a_thread_that_has_not_begun() -> None:
    octets = np.frombuffer(b'a,"b"\n' * (_MIB // 4), np.uint8)
    free = Event()
    with ThreadPoolExecutor(1) as helper:
        helper.submit(free.wait)
        shared = Marks.find(octets, has_quotes=True, helper=helper)
        free.set()
    np.testing.assert_array_equal(shared.newlines, Marks.find(octets, has_quotes=True).newlines)


def _truncated(words: np.ndarray[tuple[int], np.dtype[np.uint64]], size: int) -> object:
    return np.unpackbits(words.view(np.uint8), bitorder="little", count=size)
