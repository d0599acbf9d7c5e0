"""The wheel that people install: what is in it, and that its command starts from it alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what it is made of: a build leaves nothing in the checkout."""
    copy, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy)
    for name in ("shared", "producers"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=copy, check=True, timeout=120, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_client_and_the_contracts_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"tailrace", "tailrace_core"}
    assert {"tailrace/py.typed", "tailrace_core/py.typed", "tailrace/cli/__init__.py"} <= set(names)
    assert not [name for name in names if name.endswith(".pyc") or "test" in name.lower()]


def test_the_installed_command_starts_and_says_where_the_local_cloud_is(wheel: Path, tmp_path: Path) -> None:
    # Dependencies come from the environment that runs the tests; the two packages come from the wheel alone.
    venv.create(tmp_path / "env", with_pip=False)
    site = tmp_path / "env" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    installed = Path(pytest.__file__).parents[1]
    program = (
        "import sys; from tailrace.cli import main; import tailrace; "
        f"assert tailrace.__file__.startswith({str(site)!r}), tailrace.__file__; sys.argv[0] = 'tailrace'; main()"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        path = [str(site), str(installed)]
        boot = f"import sys; sys.path[:0] = {path!r}; {program}"
        python = tmp_path / "env" / "bin" / "python"
        return subprocess.run(
            [python, "-I", "-c", boot, *arguments], capture_output=True, text=True, timeout=60, check=False
        )

    version = run("--version")
    assert version.returncode == 0, version.stderr
    assert version.stdout.startswith("tailrace ")
    local = run("local", "up")
    assert local.returncode != 0
    assert "checkout" in local.stderr
    assert "Traceback" not in local.stderr
