"""Builds the functions (`sam build`) and trains the demo's model, once for the same sources."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tailrace_local.control.subprocesses import run
from tailrace_local.control.workspace import Workspace
from tailrace_local.errors import BuildError

_SKIPPED = frozenset(
    {
        ".aws-sam",
        ".git",
        ".hypothesis",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".tailrace",
        ".tools",
        ".venv",
        "__pycache__",
        "docs",
        "node_modules",
        "producers",
        "tailrace_local",
        "tests",
    }
)
_TIMEOUT_S = 600.0


class Builder:
    """Builds into a cache that `down` keeps."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._cache = workspace.build_cache

    def template(self, template: Path) -> tuple[Path, bool]:
        """Build the template; return its path, and whether it had to be built.

        Raises:
            BuildError: `sam build` failed.
        """
        if not template.is_file():
            raise BuildError(f"there is no template {template}: name one with --template")
        folder = self._cache / hashlib.sha256(str(template.resolve()).encode()).hexdigest()[:12]
        built = folder / "sam" / "template.yaml"
        variables = self._workspace.build_environment()
        wanted = fingerprint(sources(template.parent), extra=[str(sorted(variables.items())), "packed"])
        with _built_once(built, folder / "fingerprint", wanted) as missing:
            if missing:
                run(
                    [
                        str(self._workspace.tool("sam", "sam")),
                        "build",
                        "--template-file",
                        str(template.resolve()),
                        "--build-dir",
                        str(built.parent),
                    ],
                    log=folder / "build.log",
                    cwd=template.parent,
                    environment=sam_environment() | variables,
                    timeout_s=_TIMEOUT_S,
                    error=BuildError,
                    what="sam build",
                )
                run(
                    [str(self._workspace.tool("sam")), "-m", "tailrace_local.control.packing", str(built.parent)],
                    log=folder / "pack.log",
                    cwd=folder,
                    environment=sam_environment() | {"PYTHONPATH": self._workspace.sources},
                    timeout_s=_TIMEOUT_S,
                    error=BuildError,
                    what="packing the functions",
                )
        return built, missing

    def model(self) -> tuple[Path, bool]:
        """Train the demo's model; return the path of model.tar.gz, and True if it was trained now.

        Raises:
            BuildError: the training failed.
        """
        package = self._workspace.root / "infra" / "local" / "tailrace_local" / "demo"
        folder = self._cache / "model"
        archive = folder / "model.tar.gz"
        wanted = fingerprint(package.rglob("*.py"))
        with _built_once(archive, folder / "fingerprint", wanted) as missing:
            if missing:
                run(
                    [
                        str(self._workspace.tool("model")),
                        "-m",
                        "tailrace_local.demo.model",
                        "train",
                        "--output",
                        str(archive),
                    ],
                    log=folder / "train.log",
                    cwd=folder,
                    environment={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": self._workspace.sources},
                    timeout_s=_TIMEOUT_S,
                    error=BuildError,
                    what="training the demo's model",
                )
        return archive, missing


@contextlib.contextmanager
def _built_once(product: Path, stamp: Path, wanted: str) -> Iterator[bool]:
    """Yield True if the block must build the product: the stamp lacks the wanted fingerprint.

    Writes the stamp when the block succeeds. Other processes wait meanwhile; as each build has a
    timeout, so has the wait.
    """
    stamp.parent.mkdir(parents=True, exist_ok=True)
    with stamp.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = not (product.exists() and stamp.exists() and stamp.read_text() == wanted)
        if missing:
            stamp.unlink(missing_ok=True)
        yield missing
        if missing:
            stamp.write_text(wanted)


def sources(folder: Path) -> Iterator[Path]:
    """List the files below `folder` that can become part of an artifact."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - _SKIPPED)
        yield from (Path(root) / name for name in sorted(files) if not name.endswith((".pyc", ".md", ".log")))


def fingerprint(paths: Iterable[Path], *, extra: Iterable[str] = ()) -> str:
    """Hash the names and contents of files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    for text in extra:
        digest.update(text.encode())
    return digest.hexdigest()


def sam_environment(credentials: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the caller's environment without its AWS settings.

    The SAM CLI must never reach a real account.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))}
    return {
        **kept,
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.3",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **(credentials or {"AWS_DEFAULT_REGION": "eu-west-1"}),
    }
