"""The trained model as files, in a folder or as SageMaker's `model.tar.gz`.

The files are `model.json` and `trees.joblib`. `trees.joblib` is a pickle, as scikit-learn's models
are: loading one can run any code, so load trusted files only.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import sklearn

from tailrace_local.demo.model.regressor import Regressor

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = 1
"""Version of the files' content and of the training; raise it when either changes."""

_FACTS = "model.json"
_TREES = "trees.joblib"


class ArtefactError(Exception):
    """There is no model that can be served; the message says what to do."""


def versions() -> dict[str, Any]:
    """Return the versions that an artefact depends on."""
    return {"recipe": RECIPE, "numpy": np.__version__, "scikit-learn": sklearn.__version__}


def save(regressor: Regressor, facts: dict[str, Any], output: Path) -> None:
    """Write `model.tar.gz` atomically; the same model gives the same bytes."""
    trees = io.BytesIO()
    joblib.dump(regressor.trees, trees)
    described = {**versions(), **facts, "smearing": regressor.smearing, "scales": regressor.scales}
    files = {_FACTS: json.dumps(described, indent=1).encode(), _TREES: trees.getvalue()}
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f"{output.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(packed(files))
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


def facts_of(archive: Path) -> dict[str, Any]:
    """Read the facts in `model.tar.gz`; empty if it is missing or no artefact of this model."""
    try:
        with tarfile.open(archive, "r:gz") as files:
            member = files.extractfile(_FACTS)
            facts: dict[str, Any] = json.load(member) if member else {}
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError):
        return {}
    return facts


def load(folder: Path) -> Regressor:
    """Load the model from a folder, as SageMaker unpacks it.

    Raises:
        ArtefactError: files are missing, or were made with other versions than those installed.
    """
    again = "train it with `python -m tailrace_local.demo.model train --output model.tar.gz`, and unpack it there"
    facts = read_facts(folder, again)
    try:
        trees = joblib.load(folder / _TREES)
    except FileNotFoundError as error:
        raise ArtefactError(f"no model: {error.filename} does not exist: {again}") from error
    return Regressor(scales=facts["scales"], smearing=facts["smearing"], trees=trees)


def read_facts(folder: Path, again: str) -> dict[str, Any]:
    """Read the facts of an unpacked model; `again` says how to make it.

    Raises:
        ArtefactError: there are none, or the model was made with other versions.
    """
    try:
        facts: dict[str, Any] = json.loads((folder / _FACTS).read_bytes())
    except FileNotFoundError as error:
        raise ArtefactError(f"no model: {error.filename} does not exist: {again}") from error
    except ValueError as error:
        raise ArtefactError(f"{folder / _FACTS} is not JSON ({error}): {again}") from error
    found = {name: facts.get(name) for name in versions()}
    if found != versions():
        raise ArtefactError(f"{folder} holds a model made with {found}; installed are {versions()}: {again}")
    return facts


def packed(files: dict[str, bytes]) -> bytes:
    """Return a `tar.gz` of files by name; the same files give the same bytes."""
    archived = io.BytesIO()
    # No timestamps, neither in the archive nor in the gzip header.
    with (
        gzip.GzipFile(fileobj=archived, mode="wb", filename="", mtime=0, compresslevel=6) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return archived.getvalue()
