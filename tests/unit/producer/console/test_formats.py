from __future__ import annotations

from datetime import UTC

import pytest

from tailrace.console.views import formats

NOON = 1_800_014_400.0
"""15 January 2027, 12:00 UTC."""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45.4, "45 s"), (60, "1 min"), (125, "2 min 5 s"), (7_500, "2 h 5 min"), (90_000, "1 d 1 h"),
     (86_400, "1 d"), (-3, "0 s"), (None, formats.UNKNOWN)],
)  # fmt: skip
def test_durations_have_their_two_largest_units(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (3_565_158, "3.4 MiB"),
     (5 * 2**40, "5.0 TiB"), (None, formats.UNKNOWN)],
)  # fmt: skip
def test_sizes_have_binary_units(size: float | None, text: str) -> None:
    assert formats.size(size) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 10, "0 %"), (10, 10, "100 %"), (1, 3, "33.3 %"), (1, 1_000_000, "< 0.1 %"), (999_999, 1_000_000, "> 99.9 %"),
     (1, None, formats.UNKNOWN), (0, 0, formats.UNKNOWN)],
)  # fmt: skip
def test_only_the_whole_is_all_of_it_and_only_nothing_is_none(part: float, whole: float | None, text: str) -> None:
    assert formats.percent(part, whole) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [(NOON - 3, "11:59:57"), (NOON - 86_400, "14 Jan 12:00"), (NOON - 30 * 86_400, "16 Dec 2026 12:00")],
)
def test_times_have_the_date_where_it_is_another(at: float, text: str) -> None:
    assert formats.moment(at, NOON, UTC) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(1_250.4, "1,250 rows/s"), (3.24, "3.2 rows/s"), (0.2, "12.0 rows/min"), (0, "0 rows/s")]
)
def test_rates_have_the_unit_that_gives_a_number_above_one(rate: float, text: str) -> None:
    assert formats.rate(rate) == text


def test_distances_say_in_which_direction() -> None:
    said = [formats.relative(NOON + each, NOON) for each in (-0.5, -180, 7_200, -3 * 86_400)]
    assert said == ["just now", "3 min ago", "in 2 h", "3 d ago"]


def test_times_for_machines_are_in_utc() -> None:
    assert formats.iso(NOON) == "2027-01-15T12:00:00Z"
