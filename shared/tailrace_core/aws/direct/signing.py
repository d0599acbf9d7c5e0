"""Signatures of requests: AWS Signature Version 4, as botocore makes them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. A
property test compares the signatures with botocore's own.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

from tailrace_core.aws.direct.requests import HttpRequest

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED_HEADERS = frozenset({"expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"})
"""Headers that proxies and tracing change on the way; botocore does not sign them either."""


class Credentials(NamedTuple):
    """Credentials at one moment; they may expire, so each request asks for them anew."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        """Show the identifier alone, so that no log holds a secret."""
        return f"Credentials({self.access_key!r})"


def timestamp(now: float) -> str:
    """Return the time of a signature, ``YYYYMMDDTHHMMSSZ``; ``now`` in seconds since the epoch."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


class Signer:
    """Signs requests to one service in one region. Thread-safe."""

    def __init__(self, region: str, service: str) -> None:
        """``service`` is the name to sign with, which may differ from that of the client."""
        self.region = region
        self.service = service
        self._key: tuple[str, str, bytes] = ("", "", b"")

    def sign(
        self, request: HttpRequest, host: str, credentials: Credentials, at: str, *, sign_payload: bool = True
    ) -> dict[str, str]:
        """Return all headers of the signed request; ``at`` is a `timestamp`.

        Without ``sign_payload`` the body of a request to S3 is not hashed.
        """
        s3 = self.service == "s3"
        payload = sha256(request.body).hexdigest() if sign_payload or not s3 else UNSIGNED_PAYLOAD
        headers = {**request.headers, "host": host, "x-amz-date": at}
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        if s3:
            headers["x-amz-content-sha256"] = payload
        names = sorted(headers.keys() - _UNSIGNED_HEADERS)
        signed = ";".join(names)
        # S3 signs the path as it is sent, all other services encode it once more.
        path = request.path if s3 else quote(request.path, safe="/~")
        lines = [request.method, path, request.query, *_canonical(headers, names), "", signed, payload]
        scope = f"{at[:8]}/{self.region}/{self.service}/aws4_request"
        canonical = sha256("\n".join(lines).encode()).hexdigest()
        text = f"{_ALGORITHM}\n{at}\n{scope}\n{canonical}"
        signature = hmac.digest(self._signing_key(credentials.secret_key, at[:8]), text.encode(), "sha256").hex()
        headers["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )
        return headers

    def _signing_key(self, secret: str, day: str) -> bytes:
        """Return the key of a day, made once: it takes as long as the rest of a signature."""
        known_secret, known_day, key = self._key
        if (known_secret, known_day) != (secret, day):
            key = f"AWS4{secret}".encode()
            for text in (day, self.region, self.service, "aws4_request"):
                key = hmac.digest(key, text.encode(), "sha256")
            self._key = (secret, day, key)
        return key


def _canonical(headers: Mapping[str, str], names: list[str]) -> list[str]:
    """Return one line for each header, with sequences of white space as one space."""
    return [f"{name}:{' '.join(headers[name].split())}" for name in names]
