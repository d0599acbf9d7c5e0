"""Fetches model data: downloads it as the execution role and unpacks it."""

import asyncio
import shutil
import tarfile
from pathlib import Path

from tailrace_local.sagemaker.errors import RoleError, StartError, StorageError
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ObjectStore
from tailrace_local.sagemaker.records import Container

_LIMIT_BYTES = 20 << 30
_DEFAULT_TIMEOUT_S = 600.0


class ModelArtifacts:
    """Downloads and unpacks a container's `ModelDataUrl`, a tar.gz."""

    def __init__(self, store: ObjectStore, spool_dir: Path) -> None:
        self._store = store
        self._spool_dir = spool_dir

    async def fetch(self, role_arn: str, container: Container, folder: Path, timeout_s: float | None) -> Path:
        """Fill `folder` and return it; it stays empty for a container without model data.

        Raises:
            StartError: the object cannot be read in time, or is no tar.gz; in the words of AWS's
                FailureReason.
        """
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        url = container.model_data_url
        if not url:
            return folder
        try:
            with Payload(self._spool_dir) as archive:
                async with asyncio.timeout(timeout_s or _DEFAULT_TIMEOUT_S):
                    await self._store.download(role_arn, url, archive, _LIMIT_BYTES)
                    await asyncio.to_thread(_unpack, archive, folder)
        except (StorageError, RoleError, TimeoutError, tarfile.TarError, OSError, EOFError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StartError(
                f"Failed to download model data for container from URL: {url}. Please ensure that there is an object "
                f"located at the URL and that the role passed to CreateModel has permissions to download the object, "
                f"and that it is a tar.gz: {str(error) or type(error).__name__}"
            ) from error
        return folder


def _unpack(archive: Payload, folder: Path) -> None:
    with tarfile.open(fileobj=archive.file(), mode="r:*") as members:
        members.extractall(folder, filter="data")
