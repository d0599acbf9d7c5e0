"""Requests and responses of HTTP as values, and the error for what needs botocore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Body = bytes | bytearray | memoryview


class NotDirectError(Exception):
    """The call needs botocore: for its parameters, its response or its address."""


class OtherRegionError(NotDirectError):
    """The bucket lies in another region: botocore finds it, and signs for that region."""


class HttpRequest(NamedTuple):
    """A request without its signature.

    ``path`` is percent-encoded, ``query`` is in SigV4's canonical form, and the names of
    ``headers`` are in lower case.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Body = b""
    query: str = ""


class HttpResponse(NamedTuple):
    """A response whose body was read; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
