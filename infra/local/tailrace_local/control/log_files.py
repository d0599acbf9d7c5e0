"""The log files of the cloud, its functions and its model servers, by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tailrace_local.errors import LocalCloudError
from tailrace_local.state_directory import StateDirectory

_POLL_S = 0.3


class LogFiles:
    """Finds logs by name: `cloud`, `deploy`, a function's logical id, a model server's file."""

    def __init__(self, state: StateDirectory) -> None:
        self._state = state

    def files(self) -> dict[str, Path]:
        """Return every existing log, by name."""
        facts = logical_ids(self._state)
        found: dict[str, Path] = {}
        for path in sorted(self._state.logs.rglob("*.log")) if self._state.logs.is_dir() else []:
            found[facts.get(path.stem, path.stem)] = path
        return found

    def chosen(self, names: Sequence[str]) -> dict[str, Path]:
        """Return the files of `names`, which may be prefixes; without names, all files.

        Raises:
            LocalCloudError: no log has that name.
        """
        files = self.files()
        if not names:
            return files
        found: dict[str, Path] = {}
        for name in names:
            matching = {known: path for known, path in files.items() if known.lower().startswith(name.lower())}
            if not matching:
                raise LocalCloudError(f"there is no log {name!r}; name one of: {', '.join(files) or 'none yet'}")
            found |= matching
        return found

    def lines(
        self, names: Sequence[str], *, follow: bool, pause: Callable[[float], None] = time.sleep
    ) -> Iterator[tuple[str, str]]:
        """Yield (name, line) of each line; with `follow`, new ones too until the cloud is gone."""
        self.chosen(names)
        positions: dict[Path, int] = {}
        while True:
            quiet = True
            for name, path in self._present(names).items():
                for line in _new_lines(path, positions):
                    quiet = False
                    yield name, line
            if not follow or not self._state.exists:
                return
            if quiet:
                pause(_POLL_S)

    def _present(self, names: Sequence[str]) -> Mapping[str, Path]:
        try:
            return self.chosen(names)
        except LocalCloudError:
            return {}


def logical_ids(state: StateDirectory) -> dict[str, str]:
    """Return the functions' logical ids by name."""
    facts = state.read_facts()
    return {physical: logical for logical, physical in facts.functions.items()} if facts else {}


def _new_lines(path: Path, positions: dict[Path, int]) -> Iterator[str]:
    try:
        with path.open("rb") as log:
            log.seek(positions.get(path, 0))
            data = log.read()
    except OSError:
        return
    end = data.rfind(b"\n") + 1
    positions[path] = positions.get(path, 0) + end
    yield from data[:end].decode(errors="replace").splitlines()
