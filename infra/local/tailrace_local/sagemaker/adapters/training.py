"""Local training: the data of a job by S3, and the process that trains."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tailrace_local.processes import ProcessGroup
from tailrace_local.sagemaker.adapters.aws import RoleClients, ThreadPool
from tailrace_local.sagemaker.adapters.processes import INHERITED, TRAINER
from tailrace_local.sagemaker.errors import StartError, StorageError
from tailrace_local.sagemaker.locations import ObjectLocation
from tailrace_local.sagemaker.settings import EmulatorSettings

_AWS_ERRORS = (BotoCoreError, ClientError)
_TAIL_BYTES = 800


class S3TrainingData:
    """Downloads the objects of a channel and uploads models, as the job's role."""

    def __init__(self, clients: RoleClients, threads: ThreadPool) -> None:
        self._clients = clients
        self._threads = threads

    async def fetch(self, role_arn: str, prefix: str, folder: Path, suffix: str) -> list[Path]:
        """Download the objects whose address begins with `prefix`, in the order of keys."""
        return await self._threads.run(self._fetch, role_arn, prefix, folder, suffix)

    async def store(self, role_arn: str, file: Path, location: str, kms_key_id: str | None) -> None:
        """Upload a file."""
        await self._threads.run(self._store, role_arn, file, location, kms_key_id)

    def _fetch(self, role_arn: str, prefix: str, folder: Path, suffix: str) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        source = ObjectLocation.parse(prefix)
        s3 = self._clients.get(role_arn, "s3")
        found: list[Path] = []
        try:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=source.bucket, Prefix=source.key)
            for one in (each for page in pages for each in page.get("Contents", ())):
                if one["Size"]:
                    found.append(folder / f"{len(found):05d}-{Path(one['Key']).name}{suffix}")
                    s3.download_file(source.bucket, one["Key"], str(found[-1]))
        except _AWS_ERRORS as error:
            raise StorageError(f"{prefix}: {error}") from error
        if not found:
            raise StorageError(
                f'No S3 objects found under S3 URL "{prefix}" given in input data source. Please ensure that the '
                f"bucket exists in the selected region ({s3.meta.region_name}), that objects exist under that S3 "
                f'prefix, and that the role "{role_arn}" has "s3:ListBucket" permissions on bucket "{source.bucket}".'
            )
        return found

    def _store(self, role_arn: str, file: Path, location: str, kms_key_id: str | None) -> None:
        target = ObjectLocation.parse(location)
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
        try:
            with file.open("rb") as body:
                self._clients.get(role_arn, "s3").put_object(Bucket=target.bucket, Key=target.key, Body=body, **extra)
        except _AWS_ERRORS as error:
            raise StorageError(f"{location}: {error}") from error


class TrainingProcess:
    """A running training; what it finds out are JSON files in its folder."""

    def __init__(self, group: ProcessGroup, folder: Path, log: Path) -> None:
        self._group = group
        self._log = log
        self.folder = folder

    def alive(self) -> bool:
        """True if it still trains."""
        return self._group.running

    def read(self, name: str) -> dict[str, Any] | None:
        """Return the file `<name>.json`; None if it does not exist yet."""
        try:
            found: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())
        except (OSError, ValueError):
            return None
        return found

    def explain(self) -> str:
        """Return how the process ended and the end of its log."""
        end = self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        return f"the training ended with status {self._group.child.poll()}; the end of logs/{self._log.name}: {end}"

    def stop(self) -> None:
        """Kill it if it still runs, and remove its record."""
        self._group.kill()


class TrainingProcesses:
    """Starts the settings' training command, a process for each job."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings

    def start(self, name: str, job: Mapping[str, Any], folder: Path) -> TrainingProcess:
        """Start a training whose files go to `folder`.

        Raises:
            StartError: the settings have no command, or it cannot be started.
        """
        command = self._settings.training_command
        if command is None:
            raise StartError("The emulator has no command that trains.")
        folder.mkdir(parents=True, exist_ok=True)
        asked = folder / "job.json"
        asked.write_text(json.dumps(dict(job)))
        argv: Sequence[str] = (*command.argv, "--job", str(asked), "--output", str(folder))
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        log = self._settings.state_dir / "logs" / f"training-{name}.log"
        try:
            with log.open("ab") as output:
                group = ProcessGroup.start(
                    argv,
                    what=TRAINER,
                    records=self._settings.state_dir / "processes",
                    environment=inherited | dict(command.environment),
                    cwd=command.cwd,
                    output=output,
                    name=f"training-{name}",
                )
        except OSError as error:
            raise StartError(f"The command {argv[0]} that trains could not be started: {error}.") from error
        return TrainingProcess(group, folder, log)
