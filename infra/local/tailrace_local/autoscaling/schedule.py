"""Schedules of scheduled actions: `at(…)`, `rate(…)` and `cron(…)`, in a time zone.

The forms are those of "Schedule recurring scaling actions using cron expressions" in Application
Auto Scaling's user guide. Times are seconds since the epoch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from tailrace_local.autoscaling.cron import Days, parse_field

_FORM = re.compile(r"(at|rate|cron)\((.*)\)", re.DOTALL)
_RATE = re.compile(r"([1-9]\d*) (minute|hour|day)(s?)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_FIELDS = 6
# A leap day comes again after eight years at most.
_HORIZON_DAYS = 8 * 366


class ScheduleError(ValueError):
    """A schedule that cannot be parsed. The message quotes it."""


class Schedule(Protocol):
    """A sequence of times."""

    def after(self, moment_s: float) -> float | None:
        """Return the first time later than `moment_s`; None when there is none."""
        ...


@dataclass(frozen=True)
class Once:
    """One time."""

    at_s: float

    def after(self, moment_s: float) -> float | None:
        """Return the time, if it is later."""
        return self.at_s if self.at_s > moment_s else None


@dataclass(frozen=True)
class Every:
    """Every so many seconds from a start, which is included."""

    seconds: float
    start_s: float

    def after(self, moment_s: float) -> float:
        """Return the next time."""
        if moment_s < self.start_s:
            return self.start_s
        passed = (moment_s - self.start_s) // self.seconds
        return self.start_s + (passed + 1) * self.seconds


@dataclass(frozen=True)
class Calendar:
    """Certain minutes of certain days in a time zone."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    zone: ZoneInfo

    def after(self, moment_s: float) -> float | None:
        """Return the next time. A time that a change to summer time skips is left out."""
        first = datetime.fromtimestamp(moment_s, self.zone).date()
        for offset in range(_HORIZON_DAYS):
            day = first + timedelta(days=offset)
            if self.days.include(day) and (found := self._on(day, moment_s)) is not None:
                return found
        return None

    def _on(self, day: date, moment_s: float) -> float | None:
        moments = (self._moment(day, hour, minute) for hour in self.hours for minute in self.minutes)
        return min((moment for moment in moments if moment is not None and moment > moment_s), default=None)

    def _moment(self, day: date, hour: int, minute: int) -> float | None:
        said = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
        there = datetime.fromtimestamp(said.timestamp(), self.zone)
        return said.timestamp() if (there.hour, there.minute) == (hour, minute) else None


def parse_schedule(expression: str, zone_name: str, start_s: float) -> Schedule:
    """Parse an expression. A rate starts at `start_s`.

    Raises:
        ScheduleError: the expression or the time zone is not known.
    """
    found = _FORM.fullmatch(expression.strip())
    if found is None:
        raise ScheduleError(f"Schedule {expression!r} is none of at(…), rate(…) and cron(…).")
    kind, inside = found[1], found[2].strip()
    try:
        if kind == "rate":
            return _rate(inside, start_s)
        zone = ZoneInfo(zone_name)
        return Once(_moment(inside, zone)) if kind == "at" else _calendar(inside, zone)
    except (ValueError, KeyError, OSError) as error:
        raise ScheduleError(f"Schedule {expression!r} in time zone {zone_name!r} cannot be read: {error}") from error


def _moment(text: str, zone: ZoneInfo) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone).timestamp()


def _rate(text: str, start_s: float) -> Every:
    found = _RATE.fullmatch(text)
    if found is None or (found[1] == "1") is bool(found[3]):
        raise ValueError("a rate is a number and minute, hour or day, in the plural from two on")
    return Every(float(int(found[1]) * _SECONDS[found[2]]), start_s)


def _calendar(text: str, zone: ZoneInfo) -> Calendar:
    fields = text.split()
    if len(fields) != _FIELDS:
        raise ValueError("cron has six fields: minutes, hours, day of month, month, day of week, year")
    minutes, hours, day, month, weekday, year = fields
    return Calendar(
        tuple(sorted(parse_field("minutes", minutes))),
        tuple(sorted(parse_field("hours", hours))),
        Days.of(day, month, weekday, year),
        zone,
    )
