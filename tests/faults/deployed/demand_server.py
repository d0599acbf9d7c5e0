"""The demo's model server, which also takes rows as ``{"instances": [[...], ...]}`` in JSON."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from dataclasses import replace
from typing import Any

from tailrace_local.demo.model import artefact, records, server
from tailrace_local.demo.model.stages import CSV, Stage


def as_csv(body: bytes) -> bytes:
    """Return the rows of a document as CSV, numbers as they are written.

    Raises:
        RowError: the document has another form.
    """
    try:
        rows: list[list[str | None]] = json.loads(body, parse_float=str, parse_int=str)["instances"]
    except (ValueError, KeyError, TypeError) as exc:
        raise records.RowError(1, None, f"no document of instances: {exc}") from exc
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def main() -> int:
    """Serve until SIGTERM."""
    settings = server.Settings.from_environment(os.environ, "127.0.0.1")
    rows = settings.stages[CSV]

    def score(regressor: Any, body: bytes) -> tuple[bytes, int]:
        return rows.work(regressor, as_csv(body))

    stages = {**settings.stages, "application/json": Stage(CSV, score)}
    return server.serve(replace(settings, stages=stages), lambda: artefact.load(settings.model_dir))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
