"""Which package may import which: arrows point one way."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = {
    "tailrace_core": ROOT / "shared" / "tailrace_core",
    "tailrace": ROOT / "producers" / "tailrace",
    "tailrace_consumers": ROOT / "consumers" / "tailrace_consumers",
    "tailrace_local": ROOT / "infra" / "local" / "tailrace_local",
}
OURS = frozenset(PACKAGES)
ALLOWED = {
    "tailrace_core": {"tailrace_core"},
    "tailrace": {"tailrace", "tailrace_core"},
    "tailrace_consumers": {"tailrace_consumers", "tailrace_core"},
    "tailrace_local": {"tailrace_local", "tailrace", "tailrace_core"},
}
CORE_NEEDS = frozenset(sys.stdlib_module_names) | {"pydantic", "tailrace_core"}


def imports(source: str) -> set[str]:
    """The top-level packages that a module imports, wherever in it; relative imports stay inside."""
    found = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


def foreign(package: str, source: str) -> set[str]:
    """What a module of ``package`` imports and may not."""
    found = imports(source)
    wrong = found & OURS - ALLOWED[package]
    return wrong | (found - CORE_NEEDS if package == "tailrace_core" else set())


MODULES = [(package, path) for package, folder in PACKAGES.items() for path in sorted(folder.rglob("*.py"))]


@pytest.mark.parametrize(("package", "path"), MODULES, ids=lambda value: str(getattr(value, "name", value)))
def test_modules_import_only_what_their_layer_may(package: str, path: Path) -> None:
    assert foreign(package, path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_looked_at(package: str) -> None:
    assert any(found == package for found, _ in MODULES)


@pytest.mark.parametrize(
    ("package", "source", "wrong"),
    [
        ("tailrace_core", "import boto3", {"boto3"}),
        ("tailrace_core", "def f():\n    from botocore.config import Config", {"botocore"}),
        ("tailrace_core", "import tailrace.submit.planning", {"tailrace"}),
        ("tailrace_core", "import json, pydantic.fields\nfrom .ranges import RowRange", set()),
        ("tailrace", "from tailrace_consumers import ports", {"tailrace_consumers"}),
        ("tailrace", "import boto3, tailrace_core.objects.keys", set()),
        ("tailrace_consumers", "import tailrace", {"tailrace"}),
        ("tailrace_consumers", "if x:\n    import tailrace_local.cli", {"tailrace_local"}),
        ("tailrace_local", "import tailrace", set()),
        ("tailrace_local", "import tailrace_consumers", {"tailrace_consumers"}),
    ],
)
def test_a_forbidden_import_is_found(package: str, source: str, wrong: set[str]) -> None:
    assert foreign(package, source) == wrong
