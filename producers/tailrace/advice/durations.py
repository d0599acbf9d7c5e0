"""Durations and sizes in words."""

from __future__ import annotations


def spoken(seconds: float) -> str:
    """Return a duration in its largest one or two units."""
    rest = max(0, round(seconds))
    if not rest:
        return "less than 1 s"
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def spoken_size(size_bytes: float) -> str:
    """Return a size in decimal units, as AWS states its limits."""
    for unit in ("bytes", "kB", "MB"):
        if size_bytes < 1_000:  # noqa: PLR2004 - the step between decimal units
            return f"{size_bytes:.0f} {unit}" if unit == "bytes" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1_000
    return f"{size_bytes:.1f} GB"
