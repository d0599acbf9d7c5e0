"""Deployed archives of functions, each unpacked once."""

from __future__ import annotations

import hashlib
import io
import stat
import threading
import zipfile
from pathlib import Path


class ArtifactStore:
    """Task roots by the hash of their archive. They are read-only once they are written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def unpack(self, archive: bytes) -> Path:
        """Return the folder with the archive's files."""
        target = self._folder / hashlib.sha256(archive).hexdigest()[:24]
        with self._lock:
            if not target.exists():
                scratch = target.with_suffix(".partial")
                scratch.mkdir(parents=True, exist_ok=True)
                with zipfile.ZipFile(io.BytesIO(archive)) as opened:
                    opened.extractall(scratch)
                _protect(scratch)
                scratch.rename(target)
        return target


def _protect(folder: Path) -> None:
    """Make files read-only, as in /var/task.

    Folders stay writable, so that the state can be removed.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH | stat.S_IXUSR)
