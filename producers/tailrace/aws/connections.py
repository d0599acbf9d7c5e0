"""The sync executor: makes calls with boto3, in any thread. Also what both executors share."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from tailrace.aws.background import in_background
from tailrace.aws.direct_calls import DirectCalls
from tailrace.aws.plain_environment import plain_environment
from tailrace_core.aws.calls import BodyCall, Call
from tailrace_core.aws.direct.connections import Timeouts
from tailrace_core.aws.errors import CLOCK_CODES, translate_exception
from tailrace_core.aws.retrying import RetryPolicy, retrying
from tailrace_core.errors import ConfigurationError, InputError, TailraceError

# boto3 and botocore are imported where they are used: a plain environment needs neither.
if TYPE_CHECKING:
    import boto3

    from tailrace.sources.origins import S3Objects

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
JOB_RETRIES = RetryPolicy(max_tries=8, base_s=0.2, cap_s=10.0)
"""For calls that a whole job depends on. Waits 25 s at most in all, half of that on average."""
INTERACTIVE_RETRIES = RetryPolicy(max_tries=3, base_s=0.2, cap_s=2.0)
"""For calls that a person waits for after typing a command."""
# Of InvalidSignatureException and SignatureDoesNotMatch, which stand for other causes too.
_CLOCK_PHRASE = re.compile(r"signature expired|signature not yet current|request has expired", re.IGNORECASE)
_INTERACTIVE_SERVICES = frozenset({"cloudformation", "sagemaker", "sts"})


def client_settings(
    concurrency: int, endpoint_url: str | None, read_timeout_s: float = READ_TIMEOUT_S
) -> dict[str, Any]:
    """Return the settings of clients: time limits, pool size, and no retries by botocore.

    Over TLS an upload with a checksum in its headers needs no second hash for its signature. By
    default botocore computes one all the same when it did not compute the checksum itself.
    """
    import boto3

    secure = endpoint_url is None or urlsplit(endpoint_url).scheme == "https"
    return {
        "s3": {"payload_signing_enabled": False} if secure else None,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": read_timeout_s,
        "max_pool_connections": concurrency + 2,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
        # botocore would build its own twice for each request, a fifth of the cost of a small call.
        "user_agent": f"tailrace Boto3/{boto3.__version__}",
    }


def send_bodies_whole(client: Any) -> None:
    """Make a client send the bytes of an upload as they are.

    By default botocore wraps the bytes in a file. The file is then read and encrypted in pieces of
    16 KB, after a round trip in which the server accepts them (``Expect: 100-continue``). For each
    piece the thread releases the interpreter's lock and waits for it again, which took longer than
    the rest of a submit. aioboto3's clients keep the file: aiohttp sends it piece by piece between
    other tasks, without a thread, and warns of large bodies that are not files.
    """
    from botocore.handlers import convert_body_to_file_like_object

    client.meta.events.unregister("before-parameter-build.s3.PutObject", convert_body_to_file_like_object)


def validate_endpoint_url(url: str | None) -> str | None:
    """Return the address that all requests go to, unchanged; None when there is none.

    Raises:
        InputError: it is not an address.
    """
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and _is_address(url) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise InputError(f"endpoint URL {url!r} is not an address; write one such as http://127.0.0.1:4566")
    return url


_MAX_ORDINARY_CHARS = 60
_ORDINARY = re.compile(r"https?://[A-Za-z0-9]{1,63}(?:[.-][A-Za-z0-9]{1,63})*(?::[0-9]{1,5})?/?")


def _is_address(url: str) -> bool:
    if _ORDINARY.fullmatch(url) and len(url) < _MAX_ORDINARY_CHARS:
        return True
    from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url

    return is_valid_endpoint_url(url) or is_valid_ipv6_endpoint_url(url)


def resolve_region(session: Any, named: str | None) -> str | None:
    """Return the region: ``named``, the session's, or ``AWS_REGION``, which boto3 does not read."""
    return named or session.region_name or os.environ.get("AWS_REGION") or None


def retry_policy_for(call: Call) -> RetryPolicy:
    """Return how often and how long a call is retried."""
    return INTERACTIVE_RETRIES if call.service in _INTERACTIVE_SERVICES else JOB_RETRIES


class AwsConnection(Protocol):
    """A connection as the sync client needs it.

    Every method raises by `tailrace_core.aws.errors`.
    """

    @property
    def where(self) -> str:
        """The region or the address that is called, for messages."""

    def prepare(self, services: Sequence[str]) -> None:
        """Prepare to call services while the caller waits for something else."""

    def execute(self, call: Call) -> Any:
        """Return the answer to a call; for a `BodyCall` the whole body."""

    def read_body(self, call: Call) -> bytes:
        """Return the whole body of the answer to a call of S3."""

    @property
    def objects(self) -> S3Objects:
        """The objects of S3, as sources of rows."""

    def boto3_client(self, service: str) -> Any:
        """Return a client of boto3, for libraries that make calls of their own."""

    def close(self) -> None:
        """Close the connections."""


class Boto3Connection:
    """Executes calls with boto3 clients made on first use. Retries transient errors.

    ``session`` gives other credentials than the default ones; ``endpoint_url`` is one address for
    all services.
    """

    def __init__(
        self,
        *,
        session: boto3.Session | None = None,
        endpoint_url: str | None = None,
        region: str | None = None,
        concurrency: int = 8,
        retry: Callable[..., Callable[[Call], Any]] = retrying,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._session = session
        self._read_timeout_s = read_timeout_s
        self._endpoint_url = validate_endpoint_url(endpoint_url)
        self._region = region
        self._concurrency = concurrency
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._begun: tuple[Call, Callable[[], Any]] | None = None
        self._plain = plain_environment(region=region, endpoint_url=endpoint_url) if session is None else None
        self._direct = DirectCalls(
            lambda: self._own_session().get_credentials(), Timeouts(CONNECT_TIMEOUT_S, read_timeout_s), self._plain
        )
        self._interactive = retry(self._once, policy=INTERACTIVE_RETRIES)
        self._patient = retry(self._once, policy=JOB_RETRIES)
        self._whole = retry(self._once_whole, policy=JOB_RETRIES)

    @property
    def where(self) -> str:
        """The region or the address that is called, for messages."""
        if self._endpoint_url:
            return self._endpoint_url
        return f"region {self.region}"

    @property
    def region(self) -> str:
        """The region that is called; empty when none is named."""
        if self._plain is not None:
            return self._plain.region
        return resolve_region(self._own_session(), self._region) or ""

    def prepare(self, services: Sequence[str]) -> None:
        """Make the first client now, and the others in this order in a thread meanwhile.

        Errors are ignored here: the first call of the service raises them.
        """
        if self._plain is not None:
            return
        made = self._prepared(services)
        next(made, None)
        threading.Thread(target=list, args=(made,), name="tailrace-clients", daemon=True).start()

    def _prepared(self, services: Sequence[str]) -> Iterator[Any]:
        with contextlib.suppress(Exception):
            yield from map(self._client, services)

    def begin(self, call: Call) -> None:
        """Make a call now, in a thread; `execute` gives its answer, or error, to the first that asks.

        One call is kept. A thread that asks at the moment when another does makes its own.
        """
        self._begun = (call, in_background(lambda: self._executed(call)))

    def execute(self, call: Call) -> Any:
        """Return the answer to a call; for a `BodyCall` the whole body.

        Raises:
            TailraceError: by `tailrace_core.aws.errors`.
        """
        begun, self._begun = self._begun, None
        if begun is None:
            return self._executed(call)
        if begun[0] == call:
            return begun[1]()
        self._begun = begun
        return self._executed(call)

    def _executed(self, call: Call) -> Any:
        if isinstance(call, BodyCall):
            return self._whole(call)
        return (self._interactive if retry_policy_for(call) is INTERACTIVE_RETRIES else self._patient)(call)

    def read_body(self, call: Call) -> bytes:
        """Return the whole body of the answer to a call of S3.

        Retries too when the connection breaks while reading.

        Raises:
            TailraceError: by `tailrace_core.aws.errors`.
        """
        body: bytes = self._whole(call)
        return body

    @property
    def objects(self) -> S3Objects:
        """The objects of S3, as sources of rows."""
        from tailrace.sources.origins import S3Objects

        return S3Objects(self.execute)

    def boto3_client(self, service: str) -> Any:
        """Return a client of boto3, for libraries that make calls of their own."""
        return self._client(service)

    def close(self) -> None:
        """Close the connections."""
        self._direct.close()
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _once(self, call: Call) -> Any:
        with translate_errors(call):
            return self._direct.execute(call, self._by_botocore)

    def _by_botocore(self, call: Call) -> Any:
        return getattr(self._client(call.service), call.operation)(**call.client_params())

    def _once_whole(self, call: Call) -> bytes:
        with translate_errors(call):
            answer = self._direct.execute(call, self._by_botocore)
            with contextlib.closing(answer["Body"]) as body:
                data: bytes = body.read()
                return data

    def _client(self, service: str) -> Any:
        # Two threads must not make clients at once, but may use one. A call whose client exists
        # does not wait.
        client = self._clients.get(service)
        return self._made(service) if client is None else client

    def _made(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                import botocore.config

                session = self._own_session()
                settings = client_settings(self._concurrency, self._endpoint_url, self._read_timeout_s)
                with translate_address_errors(service):
                    client = session.client(
                        service,
                        region_name=resolve_region(session, self._region),
                        endpoint_url=self._endpoint_url,
                        config=botocore.config.Config(**settings),
                    )
                send_bodies_whole(client)
                self._direct.observe(client)
                self._clients[service] = client
            return self._clients[service]

    def _own_session(self) -> boto3.Session:
        if self._session is None:
            import boto3

            self._session = boto3.Session(region_name=self._region)
        return self._session


@contextlib.contextmanager
def translate_errors(call: Call) -> Iterator[None]:
    """Raise botocore's errors as `TailraceError`; add a remedy to those that need one."""
    try:
        yield
    except ConfigurationError as exc:
        raise with_remedy(exc) from exc.__cause__
    except TailraceError:
        raise
    except Exception as exc:
        import botocore.exceptions

        if not isinstance(exc, botocore.exceptions.ClientError | botocore.exceptions.BotoCoreError):
            raise
        raise with_remedy(translate_exception(exc, f"{call.service}.{call.operation}")) from exc


@contextlib.contextmanager
def translate_address_errors(service: str) -> Iterator[None]:
    """Raise botocore's ValueError for a service's address as a `ConfigurationError`."""
    try:
        yield
    except ValueError as exc:
        raise ConfigurationError(
            f"{service}: {exc}; write an address such as http://127.0.0.1:4566 "
            "(AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>, or endpoint_url in the profile)"
        ) from exc


def _is_about_clock(error: ConfigurationError) -> bool:
    """Return true when AWS refused a signature for its time; several services have one code for all."""
    return error.details.get("code") in CLOCK_CODES or bool(_CLOCK_PHRASE.search(error.message))


def with_remedy(error: TailraceError) -> TailraceError:
    """Return the error; a configuration error with the advice what to do."""
    if not isinstance(error, ConfigurationError):
        return error
    text = error.message.rstrip(". ")
    if _is_about_clock(error):
        advice = "this machine's clock is wrong by minutes: set it (`timedatectl set-ntp true`), and try again"
    elif "region" in text.lower():
        advice = "name one with --region (or AWS_REGION)"
    elif "profile" in text.lower():
        advice = "list those that there are with `aws configure list-profiles`"
    else:
        advice = "set up credentials (a profile, SSO or environment variables) or renew the ones in use"
    return ConfigurationError(f"{text}; {advice}", **error.details)
