"""Columns of text, aligned."""

from __future__ import annotations

from collections.abc import Sequence

from tailrace.cli.printable import printable


def align(rows: Sequence[Sequence[str]]) -> str:
    """Align rows of text in columns, each as wide as its longest value."""
    cells = [[printable(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
