"""The fields of AWS's cron expressions: six of them, with `?`, `L` and `#`."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

_RANGES = {
    "minutes": (0, 59),
    "hours": (0, 23),
    "day": (1, 31),
    "month": (1, 12),
    "weekday": (1, 7),
    "year": (1970, 2199),
}
_NAMES = {
    "month": {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name},
    "weekday": {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)},
}
_WEEK = 7


@dataclass(frozen=True)
class Days:
    """The days that the four fields of dates select together."""

    months: frozenset[int]
    years: frozenset[int]
    in_month: Callable[[date], bool]
    in_week: Callable[[date], bool]

    @classmethod
    def of(cls, day: str, month: str, weekday: str, year: str) -> Days:
        """Parse the fields.

        Raises ValueError, also unless exactly one of the two fields of days is `?`.
        """
        if (day == "?") is (weekday == "?"):
            raise ValueError("one of day of month and day of week is ?, and only one")
        return cls(parse_field("month", month), parse_field("year", year), _in_month(day), _in_week(weekday))

    def include(self, day: date) -> bool:
        """Return whether a day is selected."""
        return day.year in self.years and day.month in self.months and self.in_month(day) and self.in_week(day)


def parse_field(name: str, text: str) -> frozenset[int]:
    """Parse a field: `*`, numbers, names, ranges and steps, joined by commas. Raises ValueError."""
    return frozenset(number for part in text.split(",") for number in _part(name, part))


def _part(name: str, text: str) -> range:
    lowest, highest = _RANGES[name]
    span, stepped, step = text.partition("/")
    first, ranged, last = span.partition("-")
    low = lowest if span == "*" else _number(name, first)
    high = _number(name, last) if ranged else (highest if stepped or span == "*" else low)
    if low > high or (stepped and int(step) < 1):
        raise ValueError(f"{text!r} names no {name}")
    return range(low, high + 1, int(step) if stepped else 1)


def _number(name: str, text: str) -> int:
    named = _NAMES.get(name, {}).get(text.upper())
    number = int(text) if named is None else named
    lowest, highest = _RANGES[name]
    if not lowest <= number <= highest:
        raise ValueError(f"{name} {number} is not between {lowest} and {highest}")
    return number


def _in_month(text: str) -> Callable[[date], bool]:
    if text == "?":
        return lambda _: True
    if text == "L":
        return lambda day: day.day == _length(day)
    if "W" in text or "L" in text:
        raise ValueError(f"day of month {text!r}: W, and L with a number, are not emulated")
    days = parse_field("day", text)
    return lambda day: day.day in days


def _in_week(text: str) -> Callable[[date], bool]:
    if text == "?":
        return lambda _: True
    weekday, counted, count = text.partition("#")
    if counted:
        wanted, nth = _number("weekday", weekday), int(count)
        return lambda day: aws_weekday(day) == wanted and (day.day - 1) // _WEEK + 1 == nth
    if text.endswith("L"):
        last = _number("weekday", text[:-1] or "7")
        return lambda day: aws_weekday(day) == last and day.day + _WEEK > _length(day)
    days = parse_field("weekday", text)
    return lambda day: aws_weekday(day) in days


def aws_weekday(day: date) -> int:
    """Return AWS's number of a weekday: 1 for Sunday to 7 for Saturday."""
    return day.isoweekday() % _WEEK + 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
