"""Prepares a table of raw numbers by a recipe."""

from __future__ import annotations

import sys
from pathlib import Path

from tailrace.models.prepare.preparing import prepare
from tests.benchmarks.report import report


class _WithoutHeader:
    """A file that gets all but the header, which peers do not write."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("wb", buffering=0)  # noqa: SIM115 - it lives as long as the process
        self._rows_follow = False

    def write(self, data: bytes) -> int:
        """Write the data, from the second time on."""
        if self._rows_follow:
            self._file.write(data)
        self._rows_follow = True
        return len(data)


def run(fill: str, path: str, out: str) -> None:
    """Prepare the file."""
    steps = {"strip": True, "to": "number", "on_error": "null", "fill": {"zero": "0.0", "median": "median"}[fill]}
    recipe = {"input": {"header": False}, "columns": {"*": steps}}
    prepare(path, _WithoutHeader(out), recipe=recipe)  # type: ignore[arg-type]  # it is written to, no more


if __name__ == "__main__":
    report(lambda: run(*sys.argv[1:]))
