"""Numbers, sizes, durations and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

UNKNOWN = "\N{EN DASH}"
_STEP = 1_024
_UNITS = ("KiB", "MiB", "GiB", "TiB")
_DURATIONS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))
_DAY_S = 86_400


def number(value: float | None) -> str:
    """Format a count with separators: ``1,000,000``; an unknown one is a dash."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def size(size_bytes: float | None) -> str:
    """Format a number of bytes: ``512 B``, ``3.4 MiB``."""
    if size_bytes is None:
        return UNKNOWN
    if size_bytes < _STEP:
        return f"{size_bytes:.0f} B"
    power = 1
    while size_bytes >= _STEP ** (power + 1) and power < len(_UNITS):
        power += 1
    return f"{size_bytes / _STEP**power:.1f} {_UNITS[power - 1]}"


def duration(seconds: float | None) -> str:
    """Format a duration by its two largest units: ``2 h 5 min``, ``45 s``."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, round(seconds))
    for large_s, large, small_s, small in _DURATIONS:
        if whole >= large_s:
            rest = whole % large_s // small_s
            return f"{whole // large_s} {large} {rest} {small}" if rest else f"{whole // large_s} {large}"
    return f"{whole} s"


def rate(rows_per_s: float | None) -> str:
    """Format a rate: ``1,250 rows/s``, ``3.2 rows/s``, ``12 rows/min``."""
    if rows_per_s is None:
        return UNKNOWN
    if rows_per_s >= 10:  # noqa: PLR2004 - from here on, decimals say nothing
        return f"{rows_per_s:,.0f} rows/s"
    if rows_per_s >= 1:
        return f"{rows_per_s:.1f} rows/s"
    return f"{rows_per_s * 60:,.1f} rows/min" if rows_per_s else "0 rows/s"


def percent(part: float, whole: float | None) -> str:
    """Format a share; only the whole is ``100 %``, and only nothing is ``0 %``."""
    if not whole:
        return UNKNOWN
    share = 100 * part / whole
    if 0 < share < 0.1:  # noqa: PLR2004 - a tenth is the smallest step shown
        return "< 0.1 %"
    if 99.9 < share < 100:  # noqa: PLR2004 - likewise
        return "> 99.9 %"
    return f"{share:.0f} %" if share == round(share) else f"{share:.1f} %"


def moment(at: float | None, now: float, zone: tzinfo | None) -> str:
    """Format a time: ``12:15:03`` today, ``3 Nov 12:15``, ``3 Nov 2025 12:15``."""
    if at is None:
        return UNKNOWN
    time, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    if time.date() == today.date():
        return f"{time:%H:%M:%S}"
    return f"{time.day} {time:%b %H:%M}" if time.year == today.year else f"{time.day} {time:%b %Y %H:%M}"


def iso(at: float | None) -> str:
    """Format a time as ISO 8601 in UTC, for machines and tooltips."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def relative(at: float | None, now: float) -> str:
    """Format a time by its distance: ``3 min ago``, ``in 2 h``, ``just now``."""
    if at is None:
        return UNKNOWN
    distance = at - now
    if abs(distance) < 1:
        return "just now"
    text = duration(abs(distance)) if abs(distance) < _DAY_S else f"{abs(distance) / _DAY_S:.0f} d"
    return f"in {text}" if distance > 0 else f"{text} ago"


def plural(count: int, one: str, many: str = "") -> str:
    """Format a count and its noun: ``1 chunk``, ``3 chunks``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
