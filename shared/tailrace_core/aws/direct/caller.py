"""The caller: carries out calls of hot operations with requests of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from zlib import crc32

from tailrace_core.aws.calls import Call
from tailrace_core.aws.direct.bodies import ObjectBody
from tailrace_core.aws.direct.connections import (
    BrokenResponseError,
    ConnectError,
    Connection,
    ConnectionPool,
    Origin,
)
from tailrace_core.aws.direct.error_responses import parse_error, response_metadata
from tailrace_core.aws.direct.operations import OPERATIONS, Operation
from tailrace_core.aws.direct.requests import HttpRequest, HttpResponse, NotDirectError, OtherRegionError
from tailrace_core.aws.direct.signing import Credentials, Signer, timestamp
from tailrace_core.aws.errors import translate_response
from tailrace_core.errors import TransientError

_XML_SERVICES = frozenset({"cloudformation", "s3", "sns", "sts"})
_REDIRECTS = range(300, 400)
_ERRORS = 300
_WRONG_REGION = frozenset({"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"})


class Target(NamedTuple):
    """Where the requests of an operation go, and how they are signed.

    Args:
        origin: The server.
        host: Its name in the ``Host`` header, with the port unless it is the default one.
        base: The path that all requests begin with; see `Operation`.
        signer: Signs for the region and the service's name there.
        sign_payload: Whether bodies sent to S3 are hashed for the signature.
        headers: More headers for each request, ``user-agent`` for one.
        operation: The operation, unless it is among `OPERATIONS`.
    """

    origin: Origin
    host: str
    base: str
    signer: Signer
    sign_payload: bool
    headers: Mapping[str, str]
    operation: Operation | None = None

    def signed(self, call: Call, credentials: Credentials, at: str) -> tuple[HttpRequest, dict[str, str]]:
        """Return the request of a call, and all its headers with the signature of time ``at``.

        Raises:
            NotDirectError: botocore has to send it.
        """
        operation = self.operation or OPERATIONS.get((call.service, call.operation))
        if operation is None:
            raise NotDirectError
        request = operation.build(call.params, self.base)
        headers = self.signer.sign(request, self.host, credentials, at, sign_payload=self.sign_payload)
        headers.update(self.headers)
        return request, headers

    def url(self, request: HttpRequest) -> str:
        """Return the address of a request, for messages."""
        return f"{'https' if self.origin.ca_file else 'http'}://{self.host}{request.path}"


class DirectCaller:
    """Carries out calls without botocore. Thread-safe.

    ``credentials`` is called for each request, because they expire. So is ``more_headers``, which
    are not signed.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        credentials: Callable[[], Credentials],
        *,
        more_headers: Callable[[], Mapping[str, str]] = dict,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pool = pool
        self._credentials = credentials
        self._more_headers = more_headers
        self._clock = clock

    def __call__(self, call: Call, target: Target) -> dict[str, Any]:
        """Return the answer to a call, as boto3 would.

        Raises:
            NotDirectError: botocore has to carry it out; nothing was changed by this call.
            TailraceError: by `tailrace_core.aws.errors`.
        """
        request, headers = target.signed(call, self._credentials(), timestamp(self._clock()))
        headers.update(self._more_headers())
        operation = target.operation or OPERATIONS[call.service, call.operation]
        name = f"{call.service}.{call.operation}"
        try:
            connection, status, received = self._pool.exchange(target.origin, request, headers)
            pieces = _pieces(connection, request.method, status, received)
            if operation.streams and status < _ERRORS:
                answer = _answered(operation.parse, HttpResponse(status, received, b""))
                answer["Body"] = ObjectBody(pieces, received, self._finisher(target.origin, connection), name)
                return answer
            response = HttpResponse(status, received, b"".join(pieces))
        except OSError as exc:
            raise TransientError(
                f"{name}: {_reason(exc, target.url(request))}", operation=name, timed_out=isinstance(exc, TimeoutError)
            ) from exc
        self._pool.release(target.origin, connection)
        if status >= _ERRORS:
            raise _error(response, name, xml=call.service in _XML_SERVICES)
        _verify(response, name)
        return _answered(operation.parse, response)

    def _finisher(self, origin: Origin, connection: Connection) -> Callable[[bool], None]:
        def finish(whole: bool) -> None:  # noqa: FBT001 - its only argument
            if whole:
                self._pool.release(origin, connection)
            else:
                connection.close()

        return finish


def _pieces(connection: Connection, method: str, status: int, headers: Mapping[str, str]) -> Iterable[bytes]:
    """Yield the pieces of a body; close the connection when it breaks, or when nobody reads on."""
    try:
        yield from connection.body(method, status, headers)
    except BaseException:
        connection.close()
        raise


def _answered(parse: Callable[[HttpResponse], dict[str, Any]], response: HttpResponse) -> dict[str, Any]:
    return {**parse(response), "ResponseMetadata": response_metadata(response)}


def _error(response: HttpResponse, name: str, *, xml: bool) -> Exception:
    """Return the error for a response; redirects to another region are botocore's to follow."""
    parsed = parse_error(response, xml=xml)
    if response.status in _REDIRECTS or parsed["Error"]["Code"] in _WRONG_REGION:
        return OtherRegionError()
    # A HEAD's response has no code: only the header tells that the bucket is elsewhere.
    if response.status == 400 and not response.body and "x-amz-bucket-region" in response.headers:  # noqa: PLR2004
        return OtherRegionError()
    return translate_response(parsed, name)


def _verify(response: HttpResponse, name: str) -> None:
    """Compare a response of DynamoDB with its checksum, and JSON with its own grammar."""
    stated = response.headers.get("x-amz-crc32")
    if stated is not None and stated != str(crc32(response.body)):
        raise TransientError(f"{name}: the response does not match its checksum", operation=name)


def _reason(exc: OSError, url: str) -> str:
    """Return the text that botocore has for a connection that failed."""
    if isinstance(exc, ConnectError):
        if isinstance(exc.__cause__, TimeoutError):
            return f'Connect timeout on endpoint URL: "{url}"'
        if "SSL" in type(exc.__cause__).__name__:
            return f"SSL validation failed for {url} {exc}"
        return f'Could not connect to the endpoint URL: "{url}" ({exc})'
    if isinstance(exc, TimeoutError):
        return f'Read timeout on endpoint URL: "{url}"'
    if isinstance(exc, BrokenResponseError):
        return f'Connection was closed before we received a valid response from endpoint URL: "{url}" ({exc})'
    return f'Connection to endpoint URL "{url}" broke: {exc}'
