"""The checkout that the local cloud runs from: its tools, its template, its build cache."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tailrace_local.errors import MissingToolError


@dataclass(frozen=True)
class Workspace:
    """Where things are in a checkout."""

    root: Path

    @classmethod
    def here(cls) -> Workspace:
        """The checkout that this file lies in."""
        return cls(Path(__file__).resolve().parents[4])

    @property
    def template(self) -> Path:
        """The pipeline's template."""
        return self.root / "template.yaml"

    @property
    def build_cache(self) -> Path:
        """What survives `down`, so that the next start is quick."""
        return self.root / ".tailrace" / "build"

    @property
    def default_state(self) -> Path:
        """The state directory unless TAILRACE_LOCAL_STATE or --state-dir names another."""
        named = os.environ.get("TAILRACE_LOCAL_STATE")
        return Path(named) if named else self.root / ".tailrace" / "local"

    @property
    def sources(self) -> str:
        """The PYTHONPATH for a process of the local cloud."""
        return str(self.root / "infra" / "local")

    def tool(self, environment: str, program: str = "python") -> Path:
        """A program of one of the environments under .tools.

        Raises:
            MissingToolError: this is no checkout, or `make setup` has not made the environment.
        """
        if not self.template.exists():
            raise MissingToolError(
                f"{self.root} is no checkout of Tailrace, and the local cloud runs from one: clone the project, run "
                "`make setup` there, and use its .venv/bin/tailrace"
            )
        path = self.root / ".tools" / environment / "bin" / program
        if not path.exists():
            raise MissingToolError(f"{path} is not there: run `make setup` in {self.root}")
        return path

    def build_environment(self) -> dict[str, str]:
        """What makes `sam build` build for the interpreter that runs functions here instead of AWS's.

        The names are those that consumers/Makefile reads; what the caller has set stays.
        """
        version = subprocess.run(
            [self.tool("lambda"), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout.strip()
        chosen = {
            "TAILRACE_BUILD_PYTHON": version,
            "TAILRACE_BUILD_PLATFORM": _platform(),
            "TAILRACE_BUILD_PIP": f"{self.root / '.tools' / 'uv' / 'bin' / 'uv'} pip",
        }
        return {name: os.environ.get(name, value) for name, value in chosen.items()}


def _platform() -> str:
    """This machine in the words of pip's resolver."""
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return f"{machine}-apple-darwin" if sys.platform == "darwin" else f"{machine}-manylinux2014"
