"""What the launcher tells the cloud's process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Image:
    """The local command that stands for a container image, and the environment it gets beside the container's own."""

    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CloudSettings:
    """One cloud: who it is, where it keeps its state, what it runs functions and containers with."""

    state_dir: str
    region: str
    account_id: str
    lambda_python: str
    enforce_iam: bool = False
    tls: bool = False
    sagemaker: bool = True
    allow_serial_pipelines: bool = False
    time_scale: float = 1.0
    images: dict[str, Image] = field(default_factory=dict)
    starter_fd: int | None = None
    """The end of a pipe whose other end is the starter's: the cloud stops when that process is no more."""

    def write(self, path: Path) -> None:
        """Hand the settings to the cloud's process."""
        path.write_text(json.dumps(asdict(self), indent=2))

    @classmethod
    def read(cls, path: Path) -> CloudSettings:
        """The settings that the launcher wrote."""
        found = json.loads(path.read_text())
        images = {name: Image(**image) for name, image in found.pop("images").items()}
        return cls(**found, images=images)
