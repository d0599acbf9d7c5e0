"""The log of the enforced IAM: one line of JSON for each decision."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "access.jsonl"


@dataclass(frozen=True)
class Decision:
    """The decision about one request of a role or a user.

    Requests of the account's root are not decided.
    """

    principal: str
    """ARN of the user, or of the session's role."""
    action: str
    resource: str
    context: Mapping[str, Any]
    """The condition keys that came with the request."""
    allowed: bool


class AccessLog:
    """Appends decisions to a file, from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, decision: Decision) -> None:
        """Append one decision."""
        line = json.dumps(asdict(decision), default=str) + "\n"
        with self._lock, self._path.open("a") as file:
            file.write(line)


def read_decisions(state_dir: Path, offset: int = 0) -> tuple[list[Decision], int]:
    """Return the decisions after a position in the file, and the position after them."""
    path = state_dir / FILE
    if not path.exists():
        return [], 0
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [Decision(**json.loads(line)) for line in whole.splitlines()], offset + len(whole)


def decisions_end(state_dir: Path) -> int:
    """Return the position after the last decision so far, without reading any."""
    path = state_dir / FILE
    return path.stat().st_size if path.exists() else 0
