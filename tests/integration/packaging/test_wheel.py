"""The two wheels: their contents, and that each starts with the dependencies that it declares and no others."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from .clean_environment import CleanEnvironment

ROOT = Path(__file__).parents[3]
LOCAL = Path("infra", "local")
_ASYNC = """
import asyncio, tailrace

async def list_jobs():
    async with tailrace.AsyncTailrace("demo", region="eu-west-1") as client:
        await client.jobs()

asyncio.run(list_jobs())
"""


def build(folder: Path, source: Path, *names: str) -> Path:
    """Build a wheel from a copy of its sources, so that the build leaves nothing in the checkout."""
    copy, built = folder / "source", folder / "dist"
    copy.mkdir(parents=True)
    for name in names:
        if (ROOT / source / name).is_dir():
            shutil.copytree(ROOT / source / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source / name, copy)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
    subprocess.run(command, cwd=copy, check=True, timeout=120, capture_output=True)
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "shared", "producers")
    return build(tmp_path_factory.mktemp("client"), Path(), *files)


@pytest.fixture(scope="module")
def local_cloud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = ("pyproject.toml", "README.md", "LICENSE", "tailrace_local")
    return build(tmp_path_factory.mktemp("local"), LOCAL, *files)


def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def packages(wheel: Path) -> set[str]:
    return {name.split("/")[0] for name in contents(wheel) if ".dist-info/" not in name}


def test_the_clients_wheel_holds_the_client_and_the_contracts_and_nothing_else(client: Path) -> None:
    names = contents(client)
    assert packages(client) == {"tailrace", "tailrace_core"}
    assert {"tailrace/py.typed", "tailrace_core/py.typed", "tailrace/cli/__init__.py"} <= set(names)
    assert not [name for name in names if name.endswith(".pyc") or "test" in name.lower()]
    assert not [name for name in names if name.endswith("entry_points.txt") and b"local" in read(client, name)]


def test_the_local_clouds_wheel_holds_the_local_cloud_and_nothing_else(local_cloud: Path) -> None:
    names = contents(local_cloud)
    assert packages(local_cloud) == {"tailrace_local"}
    assert {"tailrace_local/py.typed", "tailrace_local/sagemaker/__main__.py"} <= set(names)
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    assert not [name for name in names if name.endswith(".pyc") or "tests" in name.lower()]


def test_the_clients_wheel_works_alone_and_names_the_distribution_with_the_local_cloud(
    client: Path, tmp_path: Path
) -> None:
    environment = CleanEnvironment.make(tmp_path / "env", [Requirement("tailrace[cli]")], [client])
    version = environment.run("tailrace", "--version")
    assert version.returncode == 0, version.stderr
    assert version.stdout.startswith("tailrace ")
    usage = environment.run("tailrace", "--help")
    assert "submit" in usage.stdout
    for arguments in (("up", "--tls"), ("--help",), ()):
        local = environment.run("tailrace", "local", *arguments)
        assert local.returncode == 2
        (line,) = local.stderr.splitlines()
        assert "pip install tailrace-local" in line


def test_a_command_whose_extra_is_missing_names_it(client: Path, tmp_path: Path) -> None:
    library = CleanEnvironment.make(tmp_path / "library", [Requirement("tailrace")], [client])
    command = library.run("tailrace", "parked", "list")
    assert command.returncode == 1
    assert command.stderr == "tailrace: the command line needs the extra [cli]: pip install 'tailrace[cli]'\n"
    asynchronous = library.run("python", "-c", _ASYNC)
    assert asynchronous.returncode == 1
    assert "tailrace[async]" in asynchronous.stderr.splitlines()[-1]
    environment = CleanEnvironment.make(tmp_path / "env", [Requirement("tailrace[cli]")], [client])
    console = environment.run("tailrace", "console", "--stack", "demo", "--no-browser")
    assert console.returncode == 1
    assert "tailrace[console]" in console.stderr
    (environment.folder / "rows.csv.zst").write_bytes(b"\x28\xb5\x2f\xfd\x00")
    for arguments in (("rows.csv.zst", "--dry-run"), ("rows.csv", "--output", "out.csv.zst", "--stack", "demo")):
        refused = environment.run("tailrace", "submit", *arguments)
        assert refused.returncode == 2, refused.stderr
        (line,) = refused.stderr.splitlines()
        assert "tailrace[zstd]" in line


def test_both_wheels_together_give_the_local_clouds_commands(client: Path, local_cloud: Path, tmp_path: Path) -> None:
    environment = CleanEnvironment.make(tmp_path / "env", [Requirement("tailrace-local")], [client, local_cloud])
    usage = environment.run("tailrace", "local", "--help")
    assert usage.returncode == 0, usage.stderr
    assert {"up", "down", "status", "logs", "env", "faults"} <= set(usage.stdout.split())
    emulator = environment.run("python", "-m", "tailrace_local.sagemaker", "--help")
    assert emulator.returncode == 0, emulator.stderr


def test_an_installed_local_cloud_says_that_it_needs_a_checkout(
    client: Path, local_cloud: Path, tmp_path: Path
) -> None:
    environment = CleanEnvironment.make(tmp_path / "env", [Requirement("tailrace-local")], [client, local_cloud])
    up = environment.run("tailrace", "local", "up", "--state-dir", str(tmp_path / "state"))
    assert up.returncode == 1
    (line,) = up.stderr.splitlines()
    assert "clone the project, run `make setup` there, and use its .venv/bin/tailrace" in line


def read(wheel: Path, name: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)
