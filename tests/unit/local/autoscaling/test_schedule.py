from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.autoscaling.schedule import Calendar, ScheduleError, parse_schedule


def seconds(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def following(expression: str, start: str, count: int = 3, zone: str = "UTC") -> list[str]:
    schedule, moment, found = parse_schedule(expression, zone, seconds(start)), seconds(start), []
    for _ in range(count):
        following = schedule.after(moment)
        if following is None:
            break
        moment = following
        found.append(datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(15 7 * * ? *)", ["2026-01-31T07:15", "2026-02-01T07:15", "2026-02-02T07:15"]),
        ("cron(0 8 ? * MON-FRI *)", ["2026-02-02T08:00", "2026-02-03T08:00", "2026-02-04T08:00"]),
        ("cron(0/20 9 ? * 2 *)", ["2026-02-02T09:00", "2026-02-02T09:20", "2026-02-02T09:40"]),
        ("cron(0 0 L * ? *)", ["2026-02-28T00:00", "2026-03-31T00:00", "2026-04-30T00:00"]),
        ("cron(0 12 ? * 6L *)", ["2026-02-27T12:00", "2026-03-27T12:00", "2026-04-24T12:00"]),
        ("cron(30 6 ? * TUE#3 *)", ["2026-02-17T06:30", "2026-03-17T06:30", "2026-04-21T06:30"]),
        ("cron(0 0 29 FEB ? *)", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("cron(5,10 1 1 1 ? 2027)", ["2027-01-01T01:05", "2027-01-01T01:10"]),
        ("at(2026-02-01T10:00:00)", ["2026-02-01T10:00"]),
        ("at(2026-01-30T10:00:00)", []),
        ("rate(2 hours)", ["2026-01-31T02:00", "2026-01-31T04:00", "2026-01-31T06:00"]),
    ],
)
def test_an_expression_names_these_moments(expression: str, expected: list[str]) -> None:
    assert following(expression, "2026-01-31T00:00:00") == expected


def test_a_time_zone_is_followed_through_its_change_of_clocks() -> None:
    found = following("cron(0 8 * * ? *)", "2026-03-28T00:00:00", zone="Europe/Berlin")
    assert found == ["2026-03-28T07:00", "2026-03-29T06:00", "2026-03-30T06:00"]


def test_a_time_that_the_change_of_clocks_leaves_out_does_not_come() -> None:
    found = following("cron(30 2 * * ? *)", "2026-03-28T03:00:00", zone="Europe/Berlin", count=1)
    assert found == ["2026-03-30T00:30"]


@pytest.mark.parametrize(
    "expression",
    [
        "every day", "rate(0 minutes)", "rate(1 minutes)", "rate(2 minute)", "rate(3 weeks)", "at(tomorrow)",
        "cron(0 8 * * *)", "cron(0 8 * * * *)", "cron(0 8 ? * ? *)", "cron(60 8 * * ? *)", "cron(0 8 15W * ? *)",
        "cron(0 8 ? * XYZ *)", "cron(0/0 8 * * ? *)", "cron(9-3 8 * * ? *)",
    ],
)  # fmt: skip
def test_an_invalid_schedule_is_refused_with_the_expression(expression: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse_schedule(expression, "UTC", 0.0)
    assert expression in str(refused.value)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ScheduleError, match="Mars/Olympus"):
        parse_schedule("cron(0 8 * * ? *)", "Mars/Olympus", 0.0)


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    moment=st.integers(0, 4_000_000_000),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York"]),
)
def test_the_next_moment_is_later_says_what_was_asked_and_leaves_none_out(
    minute: int, hour: int, moment: int, zone: str
) -> None:
    schedule = parse_schedule(f"cron({minute} {hour} * * ? *)", zone, 0.0)
    assert isinstance(schedule, Calendar)
    found = schedule.after(moment)
    assert found is not None
    shown = datetime.fromtimestamp(found, ZoneInfo(zone))
    assert (found > moment, shown.hour, shown.minute, shown.second) == (True, hour, minute, 0)
    assert found - moment <= 2 * 86400 + 3600  # a day may lack it
    assert schedule.after(found - 1) == found
