"""S3 locations in SageMaker's notation, and the check that a location can be trusted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tailrace_core.errors import ContractError

_S3_URI = r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)"
# The virtual-hosted form, seen instead of s3:// in notifications, and the older path-style one. The
# region may be missing, and China's partition has its own suffix.
_HOST = r"s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
_VIRTUAL = rf"https://([a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9])\.{_HOST}/(.+)"
_PATH = rf"https://{_HOST}/([a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9])/(.+)"
_MAX_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class S3Location:
    """A bucket and a key.

    Keys in SageMaker's messages are not URL-encoded, so none is decoded here.
    """

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @classmethod
    def parse(cls, text: str) -> S3Location:
        """Parse an ``s3://`` address, or an ``https://`` one with the bucket in its host or path.

        Raises:
            ContractError: the text is neither.
        """
        for form in (_S3_URI, _VIRTUAL, _PATH):
            if match := re.fullmatch(form, text, re.DOTALL):
                return cls(match[1], match[2])
        raise ContractError(f"not an S3 location: {text[:200]!r}", location=text)


def parse_trusted(text: str, *, bucket: str, prefix: str) -> S3Location:
    """Parse a location and check that it lies in ``bucket`` under ``prefix``.

    A message may be forged. ``prefix`` ends with a slash. The rest of the key must look like the
    service's own names: segments of letters, digits, dots, dashes and underscores that start with a
    letter or a digit.

    Raises:
        ContractError: the text is no location, or lies elsewhere.
    """
    location = S3Location.parse(text)
    if location.bucket != bucket:
        raise ContractError(f"{text[:200]!r} lies in a foreign bucket; only {bucket!r} is read", location=text)
    name = location.key.removeprefix(prefix)
    if name == location.key or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*", name):
        raise ContractError(f"{text[:200]!r} does not lie under {prefix!r} as the service would name it", location=text)
    if len(location.key.encode()) > _MAX_KEY_BYTES:
        raise ContractError(f"the key of {text[:200]!r} is over {_MAX_KEY_BYTES} bytes", location=text)
    return location
