"""What `sam build` built, packed once for all its deployments."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

from tailrace_local.control.packing import pack


def template(code: str) -> str:
    elsewhere = {"Properties": {"CodeUri": "s3://bucket/key"}}
    return json.dumps({"Resources": {"One": {"Properties": {"CodeUri": code}}, "Two": elsewhere, "Three": {}}})


def built(folder: Path) -> Path:
    """Write what `sam build` writes for a template with a function, and a nested one with another."""
    for nested, name in (("", "One"), ("Nested", "Two")):
        parent = folder / nested
        (parent / name / "package").mkdir(parents=True)
        (parent / name / "package" / "handler.py").write_text(f"# {name}\n")
        (parent / name / "top.py").write_text("")
        (parent / "template.yaml").write_text(template(name))
    return folder


def test_templates_name_archives_of_the_same_files_and_the_folders_stay(tmp_path: Path) -> None:
    folder = built(tmp_path)
    pack(folder, json.loads)
    assert json.loads((folder / "template.yaml").read_text()) == json.loads(template("One.zip"))
    assert json.loads((folder / "Nested" / "template.yaml").read_text()) == json.loads(template("Two.zip"))
    with zipfile.ZipFile(folder / "Nested" / "Two.zip") as archive:
        assert sorted(archive.namelist()) == ["package/handler.py", "top.py"]
        assert archive.read("package/handler.py") == b"# Two\n"
        assert {each.external_attr >> 16 for each in archive.infolist()} == {0o100755}
    assert (folder / "One" / "package" / "handler.py").exists()


def test_the_same_code_has_the_same_archive_whenever_it_was_built(tmp_path: Path) -> None:
    hashes = set()
    for name in ("first", "second"):
        folder = built(tmp_path / name)
        pack(folder, json.loads)
        hashes.add(hashlib.sha256((folder / "One.zip").read_bytes()).hexdigest())
    assert len(hashes) == 1
