"""Recordings: requests, headers, notifications and answers as they came, one file a trial."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BODY_BYTES = 4096
"""Bytes of an answer that are recorded."""


class Recording:
    """Writes files to a directory; without one, nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, values: Mapping[str, Any]) -> None:
        """Write one trial's record, replacing an earlier one."""
        if self._directory is not None:
            text = json.dumps(values, indent=2, ensure_ascii=False, default=str)
            (self._directory / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def headers(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of an answer of boto3."""
    return dict(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
