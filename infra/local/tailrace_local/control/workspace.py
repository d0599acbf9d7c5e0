"""The checkout from which the local cloud runs: its tools, its template, its build cache."""

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
    """The paths in a checkout."""

    root: Path

    @classmethod
    def here(cls) -> Workspace:
        """Return the checkout that contains this file."""
        return cls(Path(__file__).resolve().parents[4])

    @property
    def template(self) -> Path:
        """The pipeline's template."""
        return self.root / "template.yaml"

    @property
    def build_cache(self) -> Path:
        """The folder of built artifacts, which `down` keeps so that the next start is quick."""
        return self.root / ".tailrace" / "build"

    @property
    def default_state(self) -> Path:
        """The default state directory: TAILRACE_LOCAL_STATE, or .tailrace/local in the checkout."""
        named = os.environ.get("TAILRACE_LOCAL_STATE")
        return Path(named) if named else self.root / ".tailrace" / "local"

    @property
    def sources(self) -> str:
        """The PYTHONPATH of the local cloud's processes."""
        return str(self.root / "infra" / "local")

    def tool(self, environment: str, program: str = "python") -> Path:
        """Return the path of a program in one of the environments under .tools.

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
            raise MissingToolError(f"{path} does not exist: run `make setup` in {self.root}")
        return path

    def build_environment(self) -> dict[str, str]:
        """Return the variables that make `sam build` use this machine's interpreter, not AWS's.

        consumers/Makefile reads them. Values that the caller has set take precedence.
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
    """Return this machine's platform in the terms of pip's resolver."""
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return f"{machine}-apple-darwin" if sys.platform == "darwin" else f"{machine}-manylinux2014"
