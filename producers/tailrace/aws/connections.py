"""The sync executor: carries out calls with boto3, in any thread."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
import botocore.config
import botocore.exceptions
from botocore.handlers import convert_body_to_file_like_object
from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url

from tailrace.sources.origins import RemoteObject
from tailrace_core.aws.calls import BodyCall, Call
from tailrace_core.aws.errors import translate_exception
from tailrace_core.aws.retrying import RetryPolicy, retrying
from tailrace_core.errors import ConfigurationError, InputError, TailraceError

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
JOB_RETRIES = RetryPolicy(max_tries=8, base_s=0.2, cap_s=10.0)
"""For what a whole job hangs on; waits 25 s at most in all, half of that on average."""
INTERACTIVE_RETRIES = RetryPolicy(max_tries=3, base_s=0.2, cap_s=2.0)
"""For what somebody waits for who has just typed a command."""
_QUICK_SERVICES = frozenset({"cloudformation", "sagemaker", "sts"})


def client_settings(concurrency: int, endpoint_url: str | None) -> dict[str, Any]:
    """How clients connect: bounded times, as many connections as there is concurrency, and retries left to us.

    Over TLS, with a checksum in its headers, what is uploaded needs no second hash for its signature. Left to itself
    botocore takes one all the same where the checksum is not of its own making.
    """
    secure = endpoint_url is None or urlsplit(endpoint_url).scheme == "https"
    return {
        "s3": {"payload_signing_enabled": False} if secure else None,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "max_pool_connections": concurrency + 2,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
        # botocore would make up its own anew, twice for each request: a fifth of what a small call costs.
        "user_agent": f"tailrace Boto3/{boto3.__version__}",
    }


def send_bodies_whole(client: Any) -> None:
    """Have a client send what it puts as it is given.

    botocore makes a file of the bytes, which is then read and encrypted in pieces of 16 KB, after a round trip in which
    the server says that it will take them. Each piece gives up the interpreter's lock and waits for it again: that took
    longer than all the rest of a submit.
    """
    client.meta.events.unregister("before-parameter-build.s3.PutObject", convert_body_to_file_like_object)


def validate_endpoint_url(url: str | None) -> str | None:
    """The address that all requests are to go to; None when there is none.

    Raises:
        InputError: it is not one.
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


def _is_address(url: str) -> bool:
    return is_valid_endpoint_url(url) or is_valid_ipv6_endpoint_url(url)


def resolve_region(session: Any, named: str | None) -> str | None:
    """The region to ask: the one that is named, the session's, or ``AWS_REGION``, which boto3 does not read."""
    return named or session.region_name or os.environ.get("AWS_REGION") or None


def retry_policy_for(call: Call) -> RetryPolicy:
    """How patiently a call is tried again."""
    return INTERACTIVE_RETRIES if call.service in _QUICK_SERVICES else JOB_RETRIES


class AwsConnection(Protocol):
    """What the client needs of a connection; every method raises by `tailrace_core.aws.errors`."""

    @property
    def where(self) -> str:
        """The region or the address that is asked, for messages."""

    def prepare(self, services: Sequence[str]) -> None:
        """Get ready to call services while the caller waits for something else."""

    def execute(self, call: Call) -> Any:
        """The answer to a call."""

    def read_body(self, call: Call) -> bytes:
        """The whole body of the answer to a call of S3."""

    def open_object(self, bucket: str, key: str) -> RemoteObject:
        """An object of S3, opened for streaming."""

    def close(self) -> None:
        """Close the connections."""


class Boto3Connection:
    """Executes `Call`s with boto3 clients made on first use; ``execute`` raises our errors and retries transient ones.

    Give a ``session`` of your own for other credentials; ``endpoint_url`` sends all services to one address.
    """

    def __init__(
        self,
        *,
        session: boto3.Session | None = None,
        endpoint_url: str | None = None,
        region: str | None = None,
        concurrency: int = 8,
        retry: Callable[..., Callable[[Call], Any]] = retrying,
    ) -> None:
        self._session = session
        self._endpoint_url = validate_endpoint_url(endpoint_url)
        self._region = region
        self._concurrency = concurrency
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._quick = retry(self._once, policy=INTERACTIVE_RETRIES)
        self._patient = retry(self._once, policy=JOB_RETRIES)
        self._whole = retry(self._once_whole, policy=JOB_RETRIES)

    @property
    def where(self) -> str:
        """The region or the address that is asked, for messages."""
        if self._endpoint_url:
            return self._endpoint_url
        return f"region {resolve_region(self._own_session(), self._region)}"

    def prepare(self, services: Sequence[str]) -> None:
        """Make clients: the first one now, the others, in this order, while the caller waits for its answer.

        What goes wrong with it is for the first call to say.
        """
        made = self._prepared(services)
        next(made, None)
        threading.Thread(target=list, args=(made,), name="tailrace-clients", daemon=True).start()

    def _prepared(self, services: Sequence[str]) -> Iterator[Any]:
        with contextlib.suppress(Exception):
            yield from map(self._client, services)

    def execute(self, call: Call) -> Any:
        """The answer to a call.

        Raises:
            TailraceError: by `tailrace_core.aws.errors`.
        """
        if isinstance(call, BodyCall):
            return self._whole(call)
        return (self._quick if retry_policy_for(call) is INTERACTIVE_RETRIES else self._patient)(call)

    def read_body(self, call: Call) -> bytes:
        """The whole body of the answer to a call of S3; a connection that breaks while reading is tried again too.

        Raises:
            TailraceError: by `tailrace_core.aws.errors`.
        """
        body: bytes = self._whole(call)
        return body

    def open_object(self, bucket: str, key: str) -> RemoteObject:
        """An object of S3, opened for streaming."""
        answer = self.execute(Call("s3", "get_object", {"Bucket": bucket, "Key": key}))
        return RemoteObject(answer["Body"], answer["ContentLength"])

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _once(self, call: Call) -> Any:
        with translate_errors(call):
            return getattr(self._client(call.service), call.operation)(**call.params)

    def _once_whole(self, call: Call) -> bytes:
        with translate_errors(call):
            answer = getattr(self._client(call.service), call.operation)(**call.params)
            with contextlib.closing(answer["Body"]) as body:
                data: bytes = body.read()
                return data

    def _client(self, service: str) -> Any:
        # Making a client is not safe in two threads at once; using it is. One that is there is not to wait for others.
        client = self._clients.get(service)
        return self._made(service) if client is None else client

    def _made(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                session = self._own_session()
                with translate_address_errors(service):
                    client = session.client(
                        service,
                        region_name=resolve_region(session, self._region),
                        endpoint_url=self._endpoint_url,
                        config=botocore.config.Config(**client_settings(self._concurrency, self._endpoint_url)),
                    )
                send_bodies_whole(client)
                self._clients[service] = client
            return self._clients[service]

    def _own_session(self) -> boto3.Session:
        if self._session is None:
            self._session = boto3.Session(region_name=self._region)
        return self._session


@contextlib.contextmanager
def translate_errors(call: Call) -> Iterator[None]:
    """Raises botocore's errors as ours."""
    try:
        yield
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as exc:
        raise with_remedy(translate_exception(exc, f"{call.service}.{call.operation}")) from exc


@contextlib.contextmanager
def translate_address_errors(service: str) -> Iterator[None]:
    """Raises what botocore says of an address that a client is to be made for, a ValueError, as ours."""
    try:
        yield
    except ValueError as exc:
        raise ConfigurationError(
            f"{service}: {exc}; write an address such as http://127.0.0.1:4566 "
            "(AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>, or endpoint_url in the profile)"
        ) from exc


def with_remedy(error: TailraceError) -> TailraceError:
    """A configuration error that also says what to do."""
    if not isinstance(error, ConfigurationError):
        return error
    text = error.message.rstrip(". ")
    if "region" in text.lower():
        advice = "name one with --region (or AWS_REGION)"
    elif "profile" in text.lower():
        advice = "list those that there are with `aws configure list-profiles`"
    else:
        advice = "set up credentials (a profile, SSO or environment variables) or renew the ones in use"
    return ConfigurationError(f"{text}; {advice}", **error.details)
