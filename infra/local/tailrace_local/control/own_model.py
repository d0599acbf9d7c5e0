"""A model server of the user's own, behind the stack's endpoint."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tailrace_local.cloud.settings import Image
from tailrace_local.errors import StartError

# A virtual environment is found by these; the rest of the environment stays out, as in a container.
_CALLERS = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "PYTHONPATH", "CONDA_PREFIX", "TMPDIR")
_GZIP = b"\x1f\x8b"


def command_image(command: str, cwd: Path, environment: Mapping[str, str] = os.environ) -> Image:
    """Return the image that stands for a command, run in `cwd` with the caller's PATH.

    Raises:
        StartError: the command is empty or malformed, or there is no such program.
    """
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise StartError(f"the model's command {command!r} cannot be read: {error}") from None
    if not argv:
        raise StartError("the model's command is empty: write for instance --model-command 'python serve.py'")
    program = argv[0] if "/" not in argv[0] else str(cwd / argv[0])
    if shutil.which(program, path=environment.get("PATH")) is None:
        raise StartError(
            f"there is no program {program!r} for the model's command: write its path, relative to {cwd}, "
            "or a name on your PATH"
        )
    kept = {name: environment[name] for name in _CALLERS if name in environment}
    return Image([program, *argv[1:]], {**kept, "PYTHONUNBUFFERED": "1"}, cwd=str(cwd))


@dataclass(frozen=True)
class OwnModel:
    """The command of a model server, its data, and its container's environment.

    Attributes:
        command: run by the container contract, in `cwd`.
        data: a folder, a model.tar.gz or an `s3://` address in the caller's account; None if the
            command brings the model.
        environment: as the template's ModelEnvironment.
    """

    command: str
    data: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = field(default_factory=Path.cwd)

    def image(self) -> Image:
        """Return the image that stands for the command. Raises StartError."""
        return command_image(self.command, self.cwd.resolve())

    def parameters(self, image: str, model_data_url: str | None) -> dict[str, str]:
        """Return the template's parameters that put this model behind the endpoint."""
        return {
            "ModelImage": image,
            **({"ModelDataUrl": model_data_url} if model_data_url else {}),
            **({"ModelEnvironment": json.dumps(dict(self.environment))} if self.environment else {}),
        }

    def archive(self, folder: Path) -> Path | None:
        """Return the model's archive, written to `folder` if need be; None without data.

        Raises:
            StartError: the data do not exist, are no gzipped tar archive, or cannot be fetched.
        """
        if self.data is None:
            return None
        made = folder / "model.tar.gz"
        if self.data.startswith("s3://"):
            _fetch(self.data, made)
        elif (path := Path(self.data)).is_dir():
            with tarfile.open(made, "w:gz") as archive:
                for member in sorted(path.iterdir()):
                    archive.add(member, member.name)
        elif path.is_file():
            made = path
        else:
            raise StartError(f"there is no model data {self.data}: name a folder, a model.tar.gz or s3://BUCKET/KEY")
        with made.open("rb") as file:
            if file.read(2) != _GZIP:
                raise StartError(
                    f"{self.data} is no gzipped tar archive, which SageMaker expects: name its folder, "
                    "or make one with `tar -czf model.tar.gz -C FOLDER .`"
                )
        return made


def own_model(command: str | None, data: str | None, environment: Sequence[str], cwd: Path) -> OwnModel | None:
    """Return the user's model from the options of `up`; None without a command.

    Raises:
        StartError: an option is malformed or needs a command, or the command cannot run.
    """
    if command is None:
        if data is not None or environment:
            raise StartError("--model-data and --model-env belong to --model-command: name the command that serves")
        return None
    model = OwnModel(command, data, read_pairs(environment, "--model-env"), cwd)
    model.image()
    return model


def _fetch(location: str, into: Path) -> None:
    """Download an object with the caller's own credentials."""
    # Slow to import, and only this needs it.
    import boto3  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    parts = urlsplit(location)
    try:
        boto3.client("s3").download_file(parts.netloc, parts.path.lstrip("/"), str(into))
    except (BotoCoreError, ClientError, ValueError) as error:
        raise StartError(f"the model data {location} cannot be fetched with your AWS credentials: {error}") from error


def read_pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """Read `NAME=VALUE` texts. Raises StartError for one without a name or without `=`."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise StartError(f"{option} {text!r}: write NAME=VALUE")
        found[name] = value
    return found
