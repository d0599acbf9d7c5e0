"""Patterns: the address, signature and constant headers of a request that botocore has sent."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tailrace_core.aws.direct.caller import Target
from tailrace_core.aws.direct.requests import NotDirectError
from tailrace_core.aws.direct.signing import UNSIGNED_PAYLOAD, Credentials, Signer

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

    from tailrace_core.aws.calls import Call
    from tailrace_core.aws.direct.connections import Origin

_UNCOMPARED = frozenset({"amz-sdk-invocation-id", "amz-sdk-request", "content-length", "expect", "host", "user-agent"})
"""Headers without a meaning for the service, those of the connection, and constant ones."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request that botocore has sent; its query in SigV4's canonical order."""

    method: str
    url: str
    secure: bool
    name: str
    port: int
    host: str
    path: str
    query: str
    region: str
    signing_name: str
    at: str
    headers: Mapping[str, str]
    body: Any

    @classmethod
    def of(cls, request: AWSPreparedRequest) -> SentRequest:
        """Take a request apart; raises ValueError or LookupError when it is not signed as expected."""
        held: Any = request.headers
        headers = {
            name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in held.items()
        }
        parts = urlsplit(request.url)
        name, default = parts.hostname or "", _DEFAULT_PORTS[parts.scheme]
        port = parts.port or default
        shown = f"[{name}]" if ":" in name else name
        scope = re.search(r"Credential=[^/]+/[0-9]{8}/([^/]+)/([^/]+)/aws4_request,", headers["authorization"])
        if scope is None:
            raise ValueError(headers["authorization"].partition(" ")[0])
        sent: Any = request.body
        body = sent.getvalue() if isinstance(sent, io.BytesIO) else sent
        return cls(
            method=request.method,
            url=request.url,
            secure=parts.scheme == "https",
            name=name,
            port=port,
            host=shown if port == default else f"{shown}:{port}",
            path=parts.path,
            query="&".join(sorted(parts.query.split("&"))),
            region=scope[1],
            signing_name=scope[2],
            at=headers["x-amz-date"],
            headers=headers,
            body=body.encode() if isinstance(body, str) else body or b"",
        )


def target_like(call: Call, seen: SentRequest, origin: Origin, credentials: Credentials) -> Target:
    """Return the target of requests like the one that botocore has sent for ``call``.

    Raises:
        NotDirectError: a request built here would be another one, or have another signature.
    """
    target = Target(
        origin=origin,
        host=seen.host,
        base="",
        signer=Signer(seen.region, seen.signing_name),
        sign_payload=seen.headers.get("x-amz-content-sha256") != UNSIGNED_PAYLOAD,
        headers={"user-agent": seen.headers["user-agent"]},
    )
    end = target.signed(call, credentials, seen.at)[0].path
    if not seen.path.endswith(end):
        raise NotDirectError
    target = target._replace(base=seen.path.removesuffix(end))
    request, headers = target.signed(call, credentials, seen.at)
    same = (
        (request.method, request.path, request.query) == (seen.method, seen.path, seen.query)
        and _compared(headers) == _compared(seen.headers)
        and (request.body is seen.body or request.body == seen.body)
    )
    if not same:
        raise NotDirectError
    return target


def _compared(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _UNCOMPARED}
