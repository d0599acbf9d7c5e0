"""The state directory of a cloud: its processes, its address, its logs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tailrace_local.errors import StateDirectoryError
from tailrace_local.private_files import open_private, write_private
from tailrace_local.processes import ProcessRecord

MARKER = "tailrace-local"


@dataclass(frozen=True)
class CloudAddress:
    """The address of a running cloud.

    Attributes:
        endpoint_url: the URL for AWS clients.
        ca_bundle: the certificates to trust, if that URL is HTTPS.
        plain_url: the URL without TLS, if `endpoint_url` is HTTPS.
    """

    endpoint_url: str
    ca_bundle: str | None = None
    plain_url: str | None = None


@dataclass(frozen=True)
class CloudFacts:
    """Facts about a running, deployed cloud; the object that `up --json` prints."""

    endpoint_url: str
    region: str
    account_id: str
    state_dir: str
    stack: str
    secret_access_key: str = "local"  # noqa: S105 - without IAM, any secret will do
    ca_bundle: str | None = None
    plain_url: str | None = None
    endpoint_name: str | None = None
    model_url: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def own_url(self) -> str:
        """The URL of the cloud's admin API (`/_tailrace/…`), which needs no TLS."""
        return self.plain_url or self.endpoint_url

    @property
    def token(self) -> str:
        """The token for changes by the admin API, from the state directory."""
        return StateDirectory(Path(self.state_dir)).read_token()

    @property
    def credentials(self) -> dict[str, str]:
        """The environment variables with which any AWS client reaches this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            # MiniStack uses a key of twelve digits as the account id.
            "AWS_ACCESS_KEY_ID": self.account_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            **({"AWS_CA_BUNDLE": self.ca_bundle} if self.ca_bundle else {}),
        }


class StateDirectory:
    """The paths in a state directory, its lock, and its files. Only its owner can read them."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.processes = self.root / "processes"
        self.logs = self.root / "logs"
        self.temporary = self.root / "tmp"
        self.tls = self.root / "tls"
        self.cloud_log = self.logs / "cloud.log"
        self._facts = self.root / "facts.json"
        self._token = self.root / "token"
        self._listening = self.root / "listening.json"
        self._marker = self.root / MARKER

    def create(self) -> None:
        """Create the directory, mark it as a local cloud's, and make its token.

        Raises:
            StateDirectoryError: the directory holds other files.
        """
        if self.root.exists() and not self._marker.exists() and any(self.root.iterdir()):
            raise StateDirectoryError(
                f"{self.root} is not empty and not a local cloud's state directory: name another one with --state-dir"
            )
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        for folder in (self.processes, self.logs, self.temporary):
            folder.mkdir(mode=0o700, exist_ok=True)
        self._marker.touch(mode=0o600)
        self._token.unlink(missing_ok=True)
        with open_private(self._token) as file:
            file.write(secrets.token_urlsafe(32).encode())

    def read_token(self) -> str:
        """Return the token for changes by the admin API.

        Raises:
            StateDirectoryError: there is none, or it belongs to somebody else.
        """
        try:
            return self._token.read_text()
        except OSError as error:
            raise StateDirectoryError(
                f"{self._token}: {error.strerror}: name the state directory of your own running cloud with --state-dir"
            ) from error

    @property
    def exists(self) -> bool:
        """True if this is a local cloud's state directory."""
        return self._marker.exists()

    def remove(self) -> None:
        """Remove the directory, if it is a local cloud's."""
        if self.exists:
            shutil.rmtree(self.root, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the directory against a second `up` or `down`.

        Raises:
            StateDirectoryError: another command has locked it.
        """
        self.root.parent.mkdir(parents=True, exist_ok=True)
        lock = self.root.parent / f".{self.root.name}.lock"
        with lock.open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateDirectoryError(
                    f"another `tailrace local` command works on {self.root}: wait for it, or name another --state-dir"
                ) from None
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)

    def write_facts(self, facts: CloudFacts) -> None:
        """Record that the cloud is up and deployed."""
        _write(self._facts, asdict(facts))

    def read_facts(self) -> CloudFacts | None:
        """Return the facts of the deployed cloud, or None before it is deployed."""
        found = _read(self._facts)
        return CloudFacts(**found) if found else None  # type: ignore[arg-type]  # written by write_facts

    def write_address(self, address: CloudAddress) -> None:
        """Record the cloud's address, once it answers."""
        _write(self._listening, asdict(address))

    def read_address(self) -> CloudAddress | None:
        """Return the cloud's address, or None before it answers."""
        found = _read(self._listening)
        return CloudAddress(**found) if found else None  # type: ignore[arg-type]  # written by write_address

    def records(self) -> dict[Path, ProcessRecord]:
        """Return every recorded process, by the path of its record."""
        paths = sorted(self.processes.glob("*.json")) if self.processes.is_dir() else []
        found = {path: ProcessRecord.read(path) for path in paths}
        return {path: record for path, record in found.items() if record}


def _write(path: Path, content: dict[str, object]) -> None:
    write_private(path, json.dumps(content, indent=2))


def _read(path: Path) -> dict[str, object] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
