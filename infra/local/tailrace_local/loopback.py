"""The rule of every listener on the loopback address: which requests it refuses.

A web page can send requests to any port of the machine that its browser runs on. It cannot choose
the headers `Host`, `Origin` and `Sec-Fetch-Site`, which the browser sets. Programs (AWS's SDKs and
tools, `curl`) send the listener's own `Host` and none of the others.

Sources: the Fetch standard ("HTTP extensions", the `Origin` header) and W3C's "Fetch Metadata
Request Headers".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

NAMES = ("127.0.0.1", "localhost")
_SCHEMES = ("http", "https")
# `none` is an address that a person typed; a page's own requests are `same-origin`.
_OWN_SITES = frozenset({"none", "same-origin"})


def own_origins(port: int) -> frozenset[str]:
    """Return the origins of a listener at `port`, with either scheme."""
    return frozenset(f"{scheme}://{name}:{port}" for scheme in _SCHEMES for name in NAMES)


def refusal(
    hosts: Sequence[str], origins: Sequence[str], sites: Sequence[str], *, port: int, allowed: Collection[str] = ()
) -> str | None:
    """Return why a request is refused; None if it may come in.

    Args:
        hosts: The values of the header `Host`. Exactly one is expected: this listener's address. It
            is another name where a name of an attacker's was rebound to the loopback address.
        origins: The values of `Origin`.
        sites: The values of `Sec-Fetch-Site`.
        port: The listener's port.
        allowed: The origins that the user allowed by name.
    """
    own = [f"{name}:{port}" for name in NAMES]
    if len(hosts) != 1 or hosts[0].lower() not in own:
        return f"the header Host is {_quoted(hosts)}; this listener answers to {' and '.join(own)} only"
    trusted = own_origins(port) | set(allowed)
    foreign = [origin for origin in origins if origin not in trusted]
    if foreign:
        return (
            f"a web page of {_quoted(foreign)} sent this request: name the origin with --allow-origin when the "
            "cloud starts, if that page may command it"
        )
    # A browser adds an Origin to what a page sends across sites, except to plain navigation and
    # images: they carry only this header.
    if not origins and any(site not in _OWN_SITES for site in sites):
        return f"a web page of another site sent this request (Sec-Fetch-Site: {_quoted(sites)})"
    return None


def check_origin(text: str) -> str:
    """Return an origin to allow, as browsers spell it: `http://localhost:3000`.

    Raises:
        ValueError: it is no origin. A wildcard or `null` would allow every page.
    """
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES or not parts.hostname or text != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(f"{text!r} is no origin: write scheme, host and port, such as http://localhost:3000")
    if "*" in text or "@" in text:
        raise ValueError(f"{text!r} is no single origin: name each one, such as http://localhost:3000")
    return text.lower()


def _quoted(values: Sequence[str]) -> str:
    return ", ".join(repr(value[:100]) for value in values) or "missing"
