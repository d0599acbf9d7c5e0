"""Names in the inbox and the outbox: which objects are files, and where their results belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from tailrace_core.jobs.description import MAX_TAG_VALUE_CHARS
from tailrace_core.messages.arrivals import ObjectCreated
from tailrace_core.objects.keys import INBOX, OUTBOX
from tailrace_core.objects.listing import is_source

OPTIONS = ".options.json"
INBOX_TAG = "tailrace:inbox"
"""The tag of the jobs of files. Its value orders the arrivals of the same name."""
BESIDE_RESULTS = (".manifest.json", ".rejects.csv", ".error.json")
"""Ends of the names of the objects beside a result; a file's own result would replace another's."""
_MANIFEST, _REJECTS, _ERROR = BESIDE_RESULTS
_MAX_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class InboxFile:
    """A file by its name below ``v1/inbox/``, such as ``nightly/stock.csv``."""

    name: str

    @classmethod
    def of(cls, key: str, size_bytes: int = 0) -> Self | None:
        """Return the file of a key.

        None for options, hidden names (``_…``, ``.…``), markers of folders, and other prefixes. A
        marker that holds ``size_bytes`` is a file: whoever wrote it wants it scored.
        """
        name = key.removeprefix(INBOX)
        file = cls(name)
        is_lost = not file.is_plain or (size_bytes and file.is_marker and is_source(f"{name}file"))
        if name == key or name.endswith(OPTIONS) or not (is_source(name) or is_lost):
            return None
        return file

    @property
    def is_marker(self) -> bool:
        """True for the name of a folder."""
        return not self.name or self.name.endswith("/")

    @property
    def is_plain(self) -> bool:
        """False with a folder ``.`` or ``..``: such keys do not pass every client unchanged."""
        return not {".", ".."} & set(self.name.split("/"))

    @property
    def options_keys(self) -> tuple[str, str]:
        """Keys of its options: its own, and those of its folder."""
        folder, slash, _ = self.name.rpartition("/")
        return f"{INBOX}{self.name}{OPTIONS}", f"{INBOX}{folder}{slash}{OPTIONS}"

    @property
    def result_key(self) -> str:
        """Key of the result."""
        return f"{OUTBOX}{self.name}"

    @property
    def manifest_key(self) -> str:
        """Key of the job's manifest, beside the result."""
        return f"{OUTBOX}{self.name}{_MANIFEST}"

    @property
    def rejects_key(self) -> str:
        """Key of the rejected rows, beside the result."""
        return f"{OUTBOX}{self.name}{_REJECTS}"

    @property
    def error_key(self) -> str:
        """Key of the report when there is no result."""
        return f"{OUTBOX}{self.name}{_ERROR}"

    @property
    def takes_report(self) -> bool:
        """False if a report cannot stand beside the result, whose name is too long or not plain."""
        return self.is_plain and len(self.manifest_key.encode()) <= _MAX_KEY_BYTES


def inbox_tag(event: ObjectCreated) -> str:
    """Return the tag of the job of a file: the order of its arrival, and its version."""
    arrived = event.detail.object
    return f"{arrived.sequencer or '0'} {arrived.version_id or ''}".strip()[:MAX_TAG_VALUE_CHARS]


def is_later(one: str, other: str) -> bool:
    """Tell whether the arrival ``one`` came after ``other``; both are hexadecimal sequencers.

    AWS says to fill up the shorter one with zeros on its right (its knowledge center's article on
    duplicate messages of S3 events; a page of before said on its left).
    """
    width = max(len(one), len(other))
    return one.upper().ljust(width, "0") > other.upper().ljust(width, "0")
