"""The settings file by which the launcher configures the cloud's process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tailrace_local.private_files import write_private


@dataclass(frozen=True)
class Image:
    """The local command for a container image, and its environment beside the container's."""

    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    cwd: str | None = None


@dataclass(frozen=True)
class CloudSettings:
    """One cloud: account, region, state directory, and programs for functions and containers."""

    state_dir: str
    region: str
    account_id: str
    lambda_python: str
    enforce_iam: bool = False
    tls: bool = False
    secret_access_key: str = "local"  # noqa: S105 - without IAM, any secret will do
    """Secret of the account's own key; with IAM, signatures are verified by it."""
    allowed_origins: tuple[str, ...] = ()
    """Origins whose web pages may send requests."""
    sagemaker: bool = True
    allow_serial_pipelines: bool = False
    time_scale: float = 1.0
    images: dict[str, Image] = field(default_factory=dict)
    trainer: Image | None = None
    """Trains the AutoML jobs; without it, their results are set from outside."""
    training_image: str = ""
    """Name of the image, one of `images`, that serves what the trainer trains."""
    starter_fd: int | None = None
    """File descriptor of a pipe whose other end the starting process holds.

    The cloud stops when that process ends.
    """

    def write(self, path: Path) -> None:
        """Write the settings file."""
        write_private(path, json.dumps(asdict(self), indent=2))

    @classmethod
    def read(cls, path: Path) -> CloudSettings:
        """Read a settings file."""
        found = json.loads(path.read_text())
        images = {name: Image(**image) for name, image in found.pop("images").items()}
        trainer = found.pop("trainer")
        return cls(
            **found | {"allowed_origins": tuple(found["allowed_origins"])},
            images=images,
            trainer=Image(**trainer) if trainer else None,
        )
