"""The cloud's listening sockets: plain HTTP and, with TLS, HTTPS as well."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tailrace_local.emulator_base.http_server import bind
from tailrace_local.state_directory import CloudAddress

if TYPE_CHECKING:
    from tailrace_local.cloud.serving.certificates import Certificate

_ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Listeners:
    """The bound sockets. With TLS, aws:SecureTransport is false for requests at the plain one."""

    plain: socket.socket
    secure: socket.socket | None = None
    certificate: Certificate | None = None

    @classmethod
    def open(cls, tls_folder: Path | None) -> Listeners:
        """Bind free ports.

        With a folder, make a certificate there and bind a port for HTTPS as well.
        """
        if tls_folder is None:
            return cls(bind(_ADDRESS))
        # Imported here because a cloud without TLS starts sooner without it.
        from tailrace_local.cloud.serving.certificates import make_certificate  # noqa: PLC0415

        return cls(bind(_ADDRESS), bind(_ADDRESS), make_certificate(tls_folder))

    @property
    def port(self) -> int:
        """The port for clients: that of HTTPS where there is one."""
        return _port(self.secure or self.plain)

    @property
    def listening(self) -> CloudAddress:
        """The cloud's addresses, as clients need them."""
        plain = f"http://{_ADDRESS}:{_port(self.plain)}"
        if self.secure is None or self.certificate is None:
            return CloudAddress(plain)
        return CloudAddress(f"https://{_ADDRESS}:{self.port}", str(self.certificate.authority), plain)


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])
