"""The state directory: what runs, where it listens, what it logged."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tailrace_local.errors import StateDirectoryError
from tailrace_local.processes import ProcessRecord

MARKER = "tailrace-local"


@dataclass(frozen=True)
class CloudAddress:
    """Where a cloud answers: AWS's clients at `endpoint_url`, trusting `ca_bundle` where that is HTTPS.

    `plain_url` is the port without TLS, which stays beside the other one.
    """

    endpoint_url: str
    ca_bundle: str | None = None
    plain_url: str | None = None


@dataclass(frozen=True)
class CloudFacts:
    """What a running, deployed cloud says about itself; the one object of `up --json`."""

    endpoint_url: str
    region: str
    account_id: str
    state_dir: str
    stack: str
    ca_bundle: str | None = None
    plain_url: str | None = None
    endpoint_name: str | None = None
    model_url: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def own_url(self) -> str:
        """Where the cloud's own surface answers (`/_tailrace/…`), which is no AWS and needs no TLS."""
        return self.plain_url or self.endpoint_url

    @property
    def credentials(self) -> dict[str, str]:
        """The environment variables with which any AWS client reaches this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            # MiniStack takes a key of twelve digits for the account.
            "AWS_ACCESS_KEY_ID": self.account_id,
            "AWS_SECRET_ACCESS_KEY": "local",
            **({"AWS_CA_BUNDLE": self.ca_bundle} if self.ca_bundle else {}),
        }


class StateDirectory:
    """Paths inside the state directory, and who may remove it."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.processes = self.root / "processes"
        self.logs = self.root / "logs"
        self.temporary = self.root / "tmp"
        self.tls = self.root / "tls"
        self.cloud_log = self.logs / "cloud.log"
        self._facts = self.root / "facts.json"
        self._listening = self.root / "listening.json"
        self._marker = self.root / MARKER

    def create(self) -> None:
        """Make the directory ours.

        Raises:
            StateDirectoryError: it holds something that is not a local cloud's state.
        """
        if self.root.exists() and not self._marker.exists() and any(self.root.iterdir()):
            raise StateDirectoryError(
                f"{self.root} is not empty and no local cloud's state directory: name another one with --state-dir"
            )
        for folder in (self.processes, self.logs, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)
        self._marker.touch()

    @property
    def exists(self) -> bool:
        """Whether this is a local cloud's state directory."""
        return self._marker.exists()

    def remove(self) -> None:
        """Remove the directory, if it is ours."""
        if self.exists:
            shutil.rmtree(self.root, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory against a second `up` or `down`.

        Raises:
            StateDirectoryError: another command works on it right now.
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
        """Say that the cloud is up and deployed."""
        _write(self._facts, asdict(facts))

    def read_facts(self) -> CloudFacts | None:
        """What the deployed cloud said of itself, or None before it is deployed."""
        found = _read(self._facts)
        return CloudFacts(**found) if found else None  # type: ignore[arg-type]  # written by write_facts

    def write_address(self, address: CloudAddress) -> None:
        """Say where the cloud listens, once it answers."""
        _write(self._listening, asdict(address))

    def read_address(self) -> CloudAddress | None:
        """Where the cloud listens, or None before it answers."""
        found = _read(self._listening)
        return CloudAddress(**found) if found else None  # type: ignore[arg-type]  # written by write_address

    def records(self) -> dict[Path, ProcessRecord]:
        """Every recorded process, with the file that records it."""
        paths = sorted(self.processes.glob("*.json")) if self.processes.is_dir() else []
        found = {path: ProcessRecord.read(path) for path in paths}
        return {path: record for path, record in found.items() if record}


def _write(path: Path, content: dict[str, object]) -> None:
    scratch = path.with_suffix(".partial")
    scratch.write_text(json.dumps(content, indent=2))
    scratch.replace(path)


def _read(path: Path) -> dict[str, object] | None:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
