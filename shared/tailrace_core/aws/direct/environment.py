"""Targets by the environment alone, for processes such as Lambda functions that start often.

Where the environment holds credentials and region and changes nothing else, AWS's addresses follow
from names. Anything else, such as a profile, a proxy, FIPS or another partition, needs botocore.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from tailrace_core.aws.direct.addresses import SERVICES, authorities, host_of
from tailrace_core.aws.direct.caller import Target
from tailrace_core.aws.direct.connections import Origin
from tailrace_core.aws.direct.operations import OPERATIONS
from tailrace_core.aws.direct.signing import Credentials, Signer

if TYPE_CHECKING:
    from tailrace_core.aws.calls import Call

_BUCKET_IN_HOST = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""Buckets that are a part of the host's name: those without dots and upper case."""
_SPECIAL_BUCKET = re.compile(r"[:/]|^(?:xn--|sthree-|amzn-s3-demo-)|-s3alias$|--[a-z0-9-]*s3$")
"""Names that stand for another kind of bucket, such as an access point."""
_LOOPBACK = re.compile(r"127(\.[0-9]{1,3}){3}")
_HARMLESS = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_CA_BUNDLE",
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL",
        "AWS_EXECUTION_ENV",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SHARED_CREDENTIALS_FILE",
    }
)
"""Variables that are read here or say nothing about requests; any other one needs botocore."""
_HARMLESS_PREFIXES = ("AWS_LAMBDA_", "AWS_XRAY_")
_FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})


class EnvironmentTargets:
    """Finds the targets of calls. Thread-safe.

    Each process has one environment: targets are found once, credentials are read for each request.
    """

    def __init__(self, environment: Mapping[str, str], user_agent: str) -> None:
        self._environment = environment
        self._headers = {"user-agent": user_agent}
        self._plain = _is_plain(environment)
        self._proxied = any(name.upper() in _PROXIES and value for name, value in environment.items())
        self._region = environment.get("AWS_DEFAULT_REGION", "")
        self._targets: dict[tuple[str, str], Target | None] = {}

    def find(self, call: Call) -> Target | None:
        """Return the target of a call; None when botocore has to carry it out."""
        if not self._plain or (call.service, call.operation) not in OPERATIONS:
            return None
        key = (call.service, str(call.params.get("Bucket", "")))
        if key not in self._targets:
            made = self._made(*key)
            self._targets[key] = None if made is None or self._needs_proxy(made.host) else made
        return self._targets[key]

    def credentials(self) -> Credentials:
        """Return the credentials of the environment."""
        found = self._environment
        return Credentials(
            found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], found.get("AWS_SESSION_TOKEN") or None
        )

    def trace_headers(self) -> dict[str, str]:
        """Return the header by which Lambda finds functions that call each other in a circle."""
        trace = self._environment.get("_X_AMZN_TRACE_ID")
        if not trace or "AWS_LAMBDA_FUNCTION_NAME" not in self._environment:
            return {}
        return {"x-amzn-trace-id": quote(trace, safe="-=;:+&[]{}\"',")}

    def _made(self, service: str, bucket: str) -> Target | None:
        if service == "s3" and (not bucket or _SPECIAL_BUCKET.search(bucket)):
            return None
        signer = Signer(self._region, SERVICES[service][1])
        path_style = f"/{quote(bucket, safe='-._~')}" if bucket else ""
        if url := self._environment.get("AWS_ENDPOINT_URL"):
            parts = urlsplit(url)
            # In other hosts' names botocore may place the bucket.
            if (
                parts.path not in {"", "/"}
                or parts.query
                or not (parts.port and _LOOPBACK.fullmatch(parts.hostname or ""))
            ):
                return None
            secure = parts.scheme == "https"
            origin = Origin(parts.hostname or "", parts.port, self._ca_file() if secure else None)
            return Target(origin, f"{parts.hostname}:{parts.port}", path_style, signer, not secure, self._headers)
        host = host_of(service, self._region)
        if host is None:
            return None
        base = path_style
        if bucket and _BUCKET_IN_HOST.fullmatch(bucket):
            host, base = f"{bucket}.{host}", ""
        return Target(Origin(host, 443, self._ca_file()), host, base, signer, sign_payload=False, headers=self._headers)

    def _needs_proxy(self, host: str) -> bool:
        if not self._proxied:
            return False
        import urllib.request as proxies  # noqa: PLC0415 - slow to import, and rarely needed

        exempt = self._environment.get("no_proxy") or self._environment.get("NO_PROXY", "")
        return not proxies.proxy_bypass_environment(host, {"no": exempt})  # type: ignore[attr-defined]  # not in typeshed

    def _ca_file(self) -> str:
        found = self._environment
        return found.get("AWS_CA_BUNDLE") or found.get("REQUESTS_CA_BUNDLE") or authorities()


def _is_plain(environment: Mapping[str, str]) -> bool:
    """Say whether only the address, the credentials and the region matter for requests."""
    if not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"} <= environment.keys():
        return False
    if any(
        name.startswith("AWS_") and name not in _HARMLESS and not name.startswith(_HARMLESS_PREFIXES)
        for name in environment
    ):
        return False
    return not any(
        os.path.isfile(os.path.expanduser(environment.get(name, usual)))  # noqa: PTH111, PTH113 - as botocore has it
        for name, usual in _FILES.items()
    )
