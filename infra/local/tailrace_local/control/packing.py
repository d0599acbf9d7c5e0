"""Built templates and functions in the form that the SAM CLI deploys fastest.

It packs each function's folder at every deployment, and reads each template several times, YAML in
Python. Archives it uploads as they are, and JSON it reads in C.

Run in the SAM CLI's environment: python -m tailrace_local.control.packing FOLDER
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_LEVEL = 1
"""Compression of the archives: they go no farther than this machine."""


def pack(built: Path, parse: Callable[[str], Any]) -> None:
    """Pack each function's folder, which stays, and write the templates as JSON.

    `parse` reads a template, YAML with CloudFormation's tags.
    """
    for path in built.rglob("template.yaml"):
        template = parse(path.read_text())
        for resource in template["Resources"].values():
            properties = resource.get("Properties") or {}
            code = properties.get("CodeUri")
            if isinstance(code, str) and (path.parent / code).is_dir():
                properties["CodeUri"] = _packed(path.parent, code)
        path.write_text(json.dumps(template, indent=1))


def _packed(parent: Path, name: str) -> str:
    """Pack a folder; return the archive's name."""
    archive, folder = f"{name}.zip", parent / name
    with zipfile.ZipFile(parent / archive, "w") as written:
        for path in _files(folder):
            # Without its own time, so that the same code has the same hash.
            entry = zipfile.ZipInfo(str(path.relative_to(folder)))
            entry.external_attr = 0o100755 << 16
            written.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, _LEVEL)
    return archive


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        yield from (Path(root) / name for name in sorted(files))


if __name__ == "__main__":
    pack(Path(sys.argv[1]), importlib.import_module("samcli.yamlhelper").yaml_parse)
