"""Directories of an input: the files below them, in the order in which S3 lists keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tailrace_core.objects.listing import in_order_of_keys, is_source, nothing_found


def source_files(directory: str, pattern: str | None) -> list[str]:
    """Return the files below a directory that are sources, by the rules of objects below a prefix.

    ``pattern`` chooses by a file's path in the directory, which has ``/`` between folders.

    Raises:
        InputError: there is none, or a folder cannot be read.
    """
    found = files_below(directory, pattern)
    if not found:
        seen = sum(1 for _ in _walk(directory))
        raise nothing_found(directory.rstrip("/") + "/", "file", seen, pattern)
    return found


def files_below(directory: str, pattern: str | None) -> list[str]:
    """Return what `source_files` returns; nothing if there is none."""
    chosen = {each: path for each, path in _walk(directory) if is_source(each, pattern)}
    return [chosen[each] for each in in_order_of_keys(chosen)]


def _walk(directory: str) -> Iterator[tuple[str, str]]:
    """Yield the files below a directory: the path in it as a key would be, and the whole path."""
    for folder, _, names in os.walk(directory, onerror=_refuse):
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                yield path.relative_to(directory).as_posix(), str(path)


def _refuse(error: OSError) -> None:
    raise error
