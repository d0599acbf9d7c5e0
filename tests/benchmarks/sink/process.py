"""The sink's process: its address, its certificate, and what it has received so far."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.file_cache import checksum_of
from tests.benchmarks.processes import ROOT


@dataclass(frozen=True, slots=True)
class Taken:
    """Counts of what arrived.

    ``checksum`` is None unless all objects were small enough to be kept.
    """

    size_bytes: int
    checksum: int | None
    objects: int
    recorded: int
    """Number of chunks whose intent was recorded."""
    confirmed: int
    """Number of attempts that were confirmed."""
    calls: Mapping[str, int]
    """Number of calls by operation."""


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink."""

    url: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment with which clients reach the sink and nothing else."""
        certificate = str(self.folder / "certificate.pem")
        return {
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CA_BUNDLE": certificate,
            "SSL_CERT_FILE": certificate,
            "NO_PROXY": "127.0.0.1",
        }

    def serve(self, key: str, path: Path) -> None:
        """Answer with a file when a client reads the object."""
        (self.folder / "served" / key.replace("/", "!")).symlink_to(path.resolve())

    def clear(self) -> None:
        """Forget everything received so far."""
        for path in self._objects:
            path.unlink()
        # Its processes append: what is written next stands at the beginning.
        (self.folder / "log").write_bytes(b"")

    def taken(self) -> Taken:
        """Return what has arrived since the last `clear`."""
        lines = [line.split() for line in (self.folder / "log").read_text().splitlines()]
        sizes = [int(line[1]) for line in lines if line[0] == "put"]
        kept = sorted(self._objects)
        checksum = checksum_of(*kept) if len(kept) == len(sizes) else None
        recorded = sum(int(line[1]) for line in lines if line[0] == "TransactWriteItems")
        confirmed = sum(int(line[2]) for line in lines if line[0] in {"TransactWriteItems", "UpdateItem"})
        return Taken(sum(sizes), checksum, len(sizes), recorded, confirmed, Counter(line[0] for line in lines))

    @property
    def _objects(self) -> list[Path]:
        return list((self.folder / "objects").iterdir())


@contextmanager
def running_sink() -> Iterator[Sink]:
    """Run a sink with a certificate of its own, and end it afterwards."""
    with tempfile.TemporaryDirectory(prefix="tailrace-sink-") as name:
        folder = Path(name)
        for each in ("objects", "served", "items"):
            (folder / each).mkdir()
        (folder / "log").touch()
        _certify(folder)
        with subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.sink", name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                yield Sink(f"https://127.0.0.1:{int(process.stdout.readline())}", folder)
            finally:
                process.stdin.close()


def _certify(folder: Path) -> None:
    """Make a self-signed certificate that is valid for a day."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=tailrace sink", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        check=True,
        capture_output=True,
    )  # fmt: skip
