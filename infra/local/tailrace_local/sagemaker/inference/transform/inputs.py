"""The objects of a transform job, and where their outputs go."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailrace_local.sagemaker.errors import StorageError
from tailrace_local.sagemaker.locations import ObjectLocation, join
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ObjectStore

_MANIFEST_BYTES = 256 << 20


@dataclass(frozen=True)
class InputObject:
    """An input object and its output. `name` is the key below the input's prefix."""

    name: str
    location: str
    output_location: str


class InputList:
    """Finds the objects of a job's S3DataSource, as the execution role.

    Where the output of a manifest's entry goes is not documented: below the output path, under the
    entry as the manifest has it or, with `full_keys`, under the object's whole key.
    """

    def __init__(self, store: ObjectStore, spool_dir: Path, *, full_keys: bool = False) -> None:
        self._store = store
        self._spool_dir = spool_dir
        self._full_keys = full_keys

    async def of(self, role_arn: str, source: Mapping[str, Any], output_path: str) -> list[InputObject]:
        """Return the objects in the order of their keys, or of the manifest.

        Raises StorageError, RoleError.
        """
        data = source["DataSource"]["S3DataSource"]
        if data["S3DataType"] == "ManifestFile":
            return await self._of_manifest(role_arn, data["S3Uri"], output_path)
        return await self._of_prefix(role_arn, data["S3Uri"], output_path)

    async def _of_prefix(self, role_arn: str, uri: str, output_path: str) -> list[InputObject]:
        bucket, prefix = split_uri(uri)
        keys = await self._store.list(role_arn, bucket, prefix)
        # Consoles make empty objects for folders.
        named = [(relative_name(key, prefix), key) for key in keys if not key.endswith("/")]
        return [_made(name, bucket, key, output_path, name) for name, key in named]

    async def _of_manifest(self, role_arn: str, uri: str, output_path: str) -> list[InputObject]:
        with Payload(self._spool_dir) as body:
            await self._store.download(role_arn, uri, body, _MANIFEST_BYTES)
            raw = body.read()
        prefix, entries = read_manifest(uri, raw)
        bucket, folder = split_uri(prefix)
        keys = [(entry, f"{folder}{entry}") for entry in entries]
        return [_made(entry, bucket, key, output_path, key if self._full_keys else entry) for entry, key in keys]


def read_manifest(uri: str, raw: bytes) -> tuple[str, list[str]]:
    """Return a manifest's prefix and its entries.

    Raises StorageError if it is not `[{"prefix": "s3://…"}, "entry", …]`.
    """
    try:
        first, *entries = json.loads(raw)
        prefix = first["prefix"]
    except (ValueError, TypeError, KeyError):
        prefix, entries = None, []
    if not isinstance(prefix, str) or not prefix.startswith("s3://") or not all(isinstance(e, str) for e in entries):
        raise StorageError(f'{uri}: a manifest is a JSON list: {{"prefix": "s3://…"}}, then names of objects below it')
    return prefix, entries


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key prefix of an S3 URI; the prefix may be empty."""
    bucket, slash, prefix = uri.partition("://")[2].partition("/")
    if uri.startswith("https://") and slash and prefix:
        found = ObjectLocation.parse(uri)
        return found.bucket, found.key
    return bucket, prefix


def relative_name(key: str, prefix: str) -> str:
    """Return a key below its prefix; below the prefix's folder if the prefix is no folder."""
    folder = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    if not key.startswith(folder):
        folder = prefix[: prefix.rfind("/") + 1]
    return key[len(folder) :]


def _made(name: str, bucket: str, key: str, output_path: str, output_name: str) -> InputObject:
    return InputObject(name, f"s3://{bucket}/{key}", join(output_path, f"{output_name}.out"))
