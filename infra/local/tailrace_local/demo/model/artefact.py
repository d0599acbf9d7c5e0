"""The trained model as files: `model.json` and `trees.joblib`, in a folder or as SageMaker's `model.tar.gz`.

`trees.joblib` is a pickle, as scikit-learn's models are: whoever writes the artefact decides what the server runs.
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
"""Counted up when what the files hold, or how they are made, changes."""

_FACTS = "model.json"
_TREES = "trees.joblib"


class ArtefactError(Exception):
    """There is no model here that can be served; the message says what to do."""


def versions() -> dict[str, Any]:
    """What an artefact depends on."""
    return {"recipe": RECIPE, "numpy": np.__version__, "scikit-learn": sklearn.__version__}


def save(regressor: Regressor, facts: dict[str, Any], output: Path) -> None:
    """Writes `model.tar.gz`; the same model gives the same bytes, and a reader never sees half a file."""
    trees = io.BytesIO()
    joblib.dump(regressor.trees, trees)
    described = {**versions(), **facts, "smearing": regressor.smearing, "scales": regressor.scales}
    files = {_FACTS: json.dumps(described, indent=1).encode(), _TREES: trees.getvalue()}
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f"{output.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(_packed(files))
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


def facts_of(archive: Path) -> dict[str, Any]:
    """What `model.tar.gz` says about itself; nothing, if it is not there or not one of ours."""
    try:
        with tarfile.open(archive, "r:gz") as files:
            member = files.extractfile(_FACTS)
            facts: dict[str, Any] = json.load(member) if member else {}
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError):
        return {}
    return facts


def load(folder: Path) -> Regressor:
    """The model in a folder, as SageMaker unpacks it.

    Raises:
        ArtefactError: files are missing, or were made by other versions than run here.
    """
    again = "train it with `python -m tailrace_local.demo.model train --output model.tar.gz`, and unpack it there"
    try:
        facts = json.loads((folder / _FACTS).read_bytes())
        found = {name: facts.get(name) for name in versions()}
        if found != versions():
            raise ArtefactError(f"{folder} holds a model made with {found}, here run {versions()}: {again}")
        trees = joblib.load(folder / _TREES)
    except FileNotFoundError as error:
        raise ArtefactError(f"no model: {error.filename} does not exist: {again}") from error
    except ValueError as error:
        raise ArtefactError(f"{folder / _FACTS} is not JSON ({error}): {again}") from error
    return Regressor(scales=facts["scales"], smearing=facts["smearing"], trees=trees)


def _packed(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    # No time stamps, neither in the archive nor in its compression.
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0, compresslevel=6) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
