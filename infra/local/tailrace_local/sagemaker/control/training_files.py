"""The files of a local training: data from S3, and models to it, as the job's role."""

import asyncio
import shutil
from pathlib import Path

from tailrace_local.sagemaker.errors import StorageError
from tailrace_local.sagemaker.locations import ObjectLocation
from tailrace_local.sagemaker.messages.payload import BLOCK_BYTES, Payload
from tailrace_local.sagemaker.ports import ObjectStore

_LIMIT_BYTES = 5 << 30


class TrainingFiles:
    """Downloads the objects of a channel and uploads models."""

    def __init__(self, store: ObjectStore, spool_dir: Path, region: str) -> None:
        self._store = store
        self._spool_dir = spool_dir
        self._region = region

    async def fetch(self, role_arn: str, prefix: str, folder: Path, suffix: str) -> list[Path]:
        """Download the objects whose address begins with `prefix`, in the order of keys.

        `suffix` is added to the names of the files. Raises StorageError, RoleError.
        """
        source = ObjectLocation.parse(prefix)
        keys = await self._store.list(role_arn, source.bucket, source.key)
        found: list[Path] = []
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        for key in keys:
            with Payload(self._spool_dir) as payload:
                await self._store.download(role_arn, f"s3://{source.bucket}/{key}", payload, _LIMIT_BYTES)
                # The console makes empty objects for folders.
                if payload.size_bytes:
                    found.append(folder / f"{len(found):05d}-{Path(key).name}{suffix}")
                    await asyncio.to_thread(_write, payload, found[-1])
        if not found:
            raise StorageError(
                f'No S3 objects found under S3 URL "{prefix}" given in input data source. Please ensure that the '
                f"bucket exists in the selected region ({self._region}), that objects exist under that S3 prefix, "
                f'and that the role "{role_arn}" has "s3:ListBucket" permissions on bucket "{source.bucket}".'
            )
        return found

    async def store(self, role_arn: str, file: Path, location: str, kms_key_id: str | None) -> None:
        """Upload a file. Raises StorageError, RoleError."""
        with Payload(self._spool_dir) as payload:
            await asyncio.to_thread(_read, file, payload)
            await self._store.upload(role_arn, location, payload, kms_key_id)


def _write(payload: Payload, path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(payload.file(), file, BLOCK_BYTES)


def _read(path: Path, payload: Payload) -> None:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            payload.write(block)
