"""Direct calls that learn from botocore: its first request of each kind is the pattern of the others.

botocore keeps the endpoint rules, the credentials and everything unusual. Its first request of a
kind is built and signed here again. Only when both are the same, signature included, are the
others of that kind sent without botocore; so whatever a session's settings, hooks or plugins change
about requests keeps its effect.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tailrace_core.aws.direct.caller import DirectCaller, Target
from tailrace_core.aws.direct.connections import NO_DELAY, ConnectionPool, Origin, Timeouts
from tailrace_core.aws.direct.operations import OPERATIONS
from tailrace_core.aws.direct.requests import NotDirectError
from tailrace_core.aws.direct.signing import Credentials

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

    from tailrace.aws.plain_environment import PlainEnvironment
    from tailrace.aws.request_patterns import SentRequest
    from tailrace_core.aws.calls import Call

_Kind = tuple[str, str, Any, frozenset[str]]
"""Service, operation, bucket, and the names of the parameters."""
_MAX_KINDS = 1000


class DirectCalls:
    """Carries out calls directly where botocore's own request was seen to be the same.

    ``find_credentials`` returns the session's credentials, an object of botocore's. In a ``plain``
    environment, the first request of a kind is sent directly too.
    """

    def __init__(
        self, find_credentials: Callable[[], Any], timeouts: Timeouts, plain: PlainEnvironment | None = None
    ) -> None:
        self._plain = plain
        self._find_credentials = find_credentials
        self._pool = ConnectionPool(timeouts)
        self._call = DirectCaller(self._pool, self._credentials)
        self._targets: dict[_Kind, Target] = {}
        self._sent = threading.local()
        self._not_plain: set[_Kind] = set()

    def execute(self, call: Call, by_botocore: Callable[[Call], Any]) -> Any:
        """Return the answer to a call; ``by_botocore`` carries it out where a direct call cannot."""
        if (call.service, call.operation) not in OPERATIONS and self._plain is None:
            return by_botocore(call)
        kind = (call.service, call.operation, call.params.get("Bucket"), frozenset(call.params))
        target = self._targets.get(kind) or self._plain_target(kind, call)
        if target is not None:
            try:
                return self._call(call, target)
            except NotDirectError:
                # A redirect, perhaps: learn anew.
                self._targets.pop(kind, None)
                self._not_plain.add(kind)
        if (call.service, call.operation) not in OPERATIONS:
            return by_botocore(call)
        try:
            self._sent.request = None
            answer = by_botocore(call)
            if self._sent.request is not None and len(self._targets) < _MAX_KINDS:
                self._learn(kind, call, *self._sent.request)
        finally:
            # It holds the body: a chunk for each thread.
            self._sent.request = None
        return answer

    def observe(self, client: Any) -> None:
        """Watch the requests of a client, after all other hooks.

        Where a hook answers in the server's place, there is no request to see and no direct call.
        """

        def observed(request: AWSPreparedRequest, **_: Any) -> None:
            self._sent.request = (request, client)

        client.meta.events.register_last("before-send.*.*", observed)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _plain_target(self, kind: _Kind, call: Call) -> Target | None:
        if self._plain is None or kind in self._not_plain:
            return None
        with contextlib.suppress(NotDirectError):
            self._targets[kind] = self._plain.target(call)
        return self._targets.get(kind)

    def _credentials(self) -> Credentials:
        if self._plain is not None:
            return self._plain.credentials
        found = self._find_credentials()
        if found is None:
            raise NotDirectError
        frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    def _learn(self, kind: _Kind, call: Call, request: AWSPreparedRequest, client: Any) -> None:
        # A request that is not as expected is no pattern: the next call is botocore's too.
        with contextlib.suppress(NotDirectError, LookupError, ValueError, AttributeError):
            from tailrace.aws.request_patterns import SentRequest, target_like  # noqa: PLC0415 - as below

            seen = SentRequest.of(request)
            self._targets[kind] = target_like(call, seen, self._origin(seen, client), self._credentials())

    def _origin(self, seen: SentRequest, client: Any) -> Origin:
        """Return the server, unless it needs a proxy or a client's certificate."""
        from botocore.httpsession import URLLib3Session  # noqa: PLC0415 - a plain environment needs no botocore

        http: Any = client._endpoint.http_session  # noqa: SLF001 - no public name says which CAs and proxies a client uses
        kind: object = type(http)
        direct = kind is URLLib3Session and http._proxy_config.proxy_url_for(seen.url) is None  # noqa: SLF001
        plain = http._cert_file is None and http._socket_options in ([], [NO_DELAY])  # noqa: SLF001
        if not direct or not plain:
            raise NotDirectError
        return Origin(seen.name, seen.port, _ca_file(http._verify) if seen.secure else None)  # noqa: SLF001


def _ca_file(verify: Any) -> str:
    from botocore.httpsession import get_cert_path  # noqa: PLC0415 - as above

    path: Any = get_cert_path(verify)
    if not isinstance(path, str) or not os.path.isfile(path):  # noqa: PTH113 - as botocore has it
        raise NotDirectError
    return path
