"""The patches of MiniStack as a whole.

Each is explained, each private name is declared, and all are in one folder.
"""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import tailrace_local
from tailrace_local.cloud import ministack
from tailrace_local.cloud.ministack import catalogue
from tailrace_local.cloud.ministack.patching import Patch

MODULES = list(catalogue.modules())
PATCHES = [patch for module in MODULES for patch in catalogue.patches(module)]
FOLDER = Path(ministack.__path__[0])
SOURCES = Path(next(iter(tailrace_local.__path__)))


def used(module: ModuleType) -> set[str]:
    """The private names that a module reads from anything but itself."""
    return {
        node.attr
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
    }


def declared(module: ModuleType) -> set[str]:
    found = {each for private in catalogue.private_modules(module) for each in private.declarations}
    return {name for each in found if (name := each.partition("(")[0].partition(":")[0]).startswith("_")}


def test_there_are_patches() -> None:
    assert len(PATCHES) > 30


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.declaration.partition("(")[0])
def test_a_patch_says_what_it_corrects_why_and_until_when(patch: Patch) -> None:
    assert patch.module.startswith("ministack.")
    for text in (patch.corrects, patch.why, patch.until):
        assert text == text.strip()
        assert text[0].isupper()
        assert text.endswith(".")
        assert len(text.split()) >= 4


def test_no_patch_is_declared_twice() -> None:
    counted = Counter((patch.module, patch.declaration, patch.corrects) for patch in PATCHES)
    assert [each for each, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.partition(".ministack.")[2])
def test_a_module_declares_the_private_names_that_it_uses_and_no_others(module: ModuleType) -> None:
    assert declared(module) == used(module)


def test_no_module_outside_the_folder_touches_ministack() -> None:
    outside = [path for path in SOURCES.rglob("*.py") if not path.is_relative_to(FOLDER)]
    touching = [
        str(path.relative_to(SOURCES))
        for path in outside
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and any(name.name.split(".")[0] == "ministack" for name in node.names))
        or (isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "ministack")
        or (isinstance(node, ast.Constant) and str(node.value).startswith("ministack."))
    ]
    assert touching == []


def test_nothing_in_the_folder_replaces_a_name_another_way() -> None:
    ways = ("setattr(", "vars(self._", "# noqa: SLF001")
    found = [
        f"{path.name}: {way}"
        for path in FOLDER.rglob("*.py")
        if path.name != "patching.py"
        for way in ways
        if way in path.read_text()
    ]
    assert found == []
