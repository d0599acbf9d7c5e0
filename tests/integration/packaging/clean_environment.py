"""A virtual environment with given wheels and the dependencies that they declare, taken from the running one."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

UV = Path(__file__).parents[3] / ".tools" / "uv" / "bin" / "uv"


@dataclass(frozen=True)
class CleanEnvironment:
    """The environment in `folder`."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, wanted: Iterable[Requirement], wheels: Sequence[Path]) -> CleanEnvironment:
        """Make an environment with what `wanted` depends on, and with `wheels`; it needs no network.

        The dependencies are links into the environment that runs the tests: a dependency that a
        wheel does not declare is not there, and importing it fails.
        """
        venv.create(folder, with_pip=False, symlinks=True)
        site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        ours = {canonicalize_name(wheel.name.split("-")[0]) for wheel in wheels}
        for found in _closure(wanted):
            if canonicalize_name(found.name) not in ours:
                _link(found, site)
        install = [str(UV), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(folder)]
        subprocess.run([*install, *map(str, wheels)], check=True, timeout=120, capture_output=True)
        return cls(folder)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an installed program, outside of the checkout and without the caller's Python settings."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "COLUMNS": "100"}
        command = [str(self.folder / "bin" / program), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )


def _closure(wanted: Iterable[Requirement]) -> Iterator[Distribution]:
    """Yield each distribution that the requirements need, directly or through others, once."""
    waiting, seen, yielded = list(wanted), set(), set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(requirement.name)
        except PackageNotFoundError:  # the lock left it out, such as a dependency of another platform
            continue
        if key[0] not in yielded:
            yielded.add(key[0])
            yield found
        for text in found.requires or ():
            needed = Requirement(text)
            extras = [{"extra": extra} for extra in ("", *requirement.extras)]
            if needed.marker is None or any(needed.marker.evaluate(extra) for extra in extras):
                waiting.append(needed)


def _link(found: Distribution, site: Path) -> None:
    tops = {path.parts[0] for path in found.files or () if path.parts[0] not in {"..", "__pycache__"}}
    for top in tops:
        source, target = Path(str(found.locate_file(top))), site / top
        if source.exists() and not target.exists():
            target.symlink_to(source)
