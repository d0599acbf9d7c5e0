"""JSON Schemas of the published events, sent messages and stored manifests.

``python -m tailrace_core.messages.schemas FOLDER`` writes them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from tailrace_core.messages.arrivals import DeliveryDue, FileError, FileRefused
from tailrace_core.messages.events import ChunkParked, DiscardDue, JobFinished, PartReady, RetryDue, SplitDue
from tailrace_core.messages.manifest import Manifest
from tailrace_core.messages.rounds import RoundDue
from tailrace_core.messages.scoring import ScoreDue

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MODELS: tuple[type[BaseModel], ...] = (
    ChunkParked,
    DeliveryDue,
    DiscardDue,
    FileError,
    FileRefused,
    JobFinished,
    Manifest,
    PartReady,
    RetryDue,
    RoundDue,
    ScoreDue,
    SplitDue,
)


def schemas() -> dict[str, str]:
    """Return the text of each schema by its file name."""
    return {f"{model.__name__}.json": _text(model) for model in MODELS}


def _text(model: type[BaseModel]) -> str:
    # The schema of reading: fields with a default may be missing, as older versions leave them out.
    schema = {"$schema": DIALECT, **model.model_json_schema(mode="validation")}
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write the schemas into the given folder; return the exit code."""
    if len(arguments) != 1:
        print("usage: python -m tailrace_core.messages.schemas FOLDER", file=sys.stderr)  # noqa: T201  this is a command
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
