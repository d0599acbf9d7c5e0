"""Environments in which nothing is special: the first request of a kind needs no botocore either.

The import of botocore, and its models of the services that a submit calls, take longer than the
rest of a small submit. Where credentials are in the environment and nothing changes an address, a
proxy or a signature, the target of a call follows from the region alone. An environment that has
any setting not known here is botocore's. A test compares the targets with botocore's own requests.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from tailrace_core.aws.direct.addresses import SERVICES, authorities, host_of
from tailrace_core.aws.direct.caller import Target
from tailrace_core.aws.direct.connections import Origin
from tailrace_core.aws.direct.lookups import LOOKUPS
from tailrace_core.aws.direct.operations import OPERATIONS
from tailrace_core.aws.direct.requests import NotDirectError
from tailrace_core.aws.direct.signing import Credentials, Signer

if TYPE_CHECKING:
    from tailrace_core.aws.calls import Call

_HARMLESS = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_CA_BUNDLE",
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_OUTPUT",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_PAGER",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SHARED_CREDENTIALS_FILE",
    }
)
_PROXIES = frozenset({"all_proxy", "http_proxy", "https_proxy"})
_REGION = re.compile(r"(?:us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-[0-9]+")
"""Regions of the partition ``aws``, as botocore recognizes them."""
_BUCKET = re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9][a-z0-9-]{1,61}[a-z0-9](?<!-s3alias)(?<!-s3)")
"""Names that may be a part of a host's name and stand for an ordinary bucket."""
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_SERVICES = frozenset({"cloudformation", "dynamodb", "s3", "sagemaker", "sagemaker-runtime", "sqs", "sts"})


class PlainEnvironment(NamedTuple):
    """The credentials, the region and the certificates of a plain environment."""

    region: str
    credentials: Credentials
    ca_file: str
    endpoint_url: str | None

    def target(self, call: Call) -> Target:
        """Return where a call goes.

        Raises:
            NotDirectError: that does not follow from the region alone.
        """
        operation = OPERATIONS.get((call.service, call.operation)) or LOOKUPS.get((call.service, call.operation))
        if operation is None or call.service not in _SERVICES:
            raise NotDirectError
        host, base = self._host(call)
        address = urlsplit(self.endpoint_url or f"https://{host}")
        secure = address.scheme == "https"
        default = 443 if secure else 80
        port = address.port or default
        name = address.hostname or ""
        return Target(
            origin=Origin(name, port, self.ca_file if secure else None),
            host=name if port == default else f"{name}:{port}",
            base=base,
            signer=Signer(self.region, SERVICES[call.service][1]),
            sign_payload=not secure,
            headers={"user-agent": "tailrace"},
            operation=operation,
        )

    def _host(self, call: Call) -> tuple[str, str]:
        """Return the name of AWS's server, and the path that requests begin with."""
        host = host_of(call.service, self.region) or ""
        if call.service != "s3":
            return host, ""
        bucket = call.params.get("Bucket")
        if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
            raise NotDirectError
        if self.endpoint_url is None:
            return f"{bucket}.{host}", ""
        if not _ADDRESS.fullmatch(urlsplit(self.endpoint_url).hostname or ""):
            raise NotDirectError
        return "", f"/{bucket}"


def plain_environment(
    *,
    region: str | None,
    endpoint_url: str | None,
    environ: Mapping[str, str] = os.environ,
    modules: Container[str] = sys.modules,
) -> PlainEnvironment | None:
    """Return the environment if it is plain, otherwise None.

    A process that has imported botocore before (``modules``) saves nothing, and may have hooks in
    it: moto's, for instance.
    """
    if "botocore" in modules:
        return None
    found = region or environ.get("AWS_DEFAULT_REGION") or environ.get("AWS_REGION") or ""
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not (key and secret and _REGION.fullmatch(found) and _is_plain(environ)):
        return None
    if endpoint_url is not None and urlsplit(endpoint_url).path not in {"", "/"}:
        return None
    try:
        ca_file = environ.get("AWS_CA_BUNDLE") or environ.get("REQUESTS_CA_BUNDLE") or authorities()
    except FileNotFoundError:
        return None
    if not Path(ca_file).is_file():
        return None
    return PlainEnvironment(
        region=found,
        credentials=Credentials(key, secret, environ.get("AWS_SESSION_TOKEN") or None),
        ca_file=ca_file,
        endpoint_url=endpoint_url,
    )


def _is_plain(environ: Mapping[str, str]) -> bool:
    names = {name.upper() for name in environ if name.upper().startswith(("AWS_", "BOTO"))}
    proxies = any(environ[name] for name in environ if name.lower() in _PROXIES)
    folder = Path(environ.get("HOME", "/")) / ".aws"
    config = Path(environ.get("AWS_CONFIG_FILE", folder / "config"))
    # Without proxies in the environment, other systems may have some in their settings.
    return (
        sys.platform == "linux"
        and names <= _HARMLESS
        and not proxies
        and not config.is_file()
        and not (folder / "models").exists()
    )
