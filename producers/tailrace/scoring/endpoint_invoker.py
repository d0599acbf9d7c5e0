"""Invokes a real-time or a serverless endpoint of SageMaker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tailrace.scoring.invoker import InvocationFailedError
from tailrace_core.aws.calls import BodyCall, Call
from tailrace_core.aws.model_errors import failure_reason
from tailrace_core.aws.retrying import retrying
from tailrace_core.engines import Engine
from tailrace_core.errors import AccessDeniedError, ConfigurationError, NotFoundError, TailraceError, TransientError

if TYPE_CHECKING:
    from tailrace.aws.connections import Boto3Connection

READ_TIMEOUT_S = 70
"""The model has 60 s; the service's own answer to a model that took longer comes before this."""
_OPERATION = "invoke_endpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointInvoker:
    """Invokes the endpoint ``name``; ``execute`` makes one call, without retries of it."""

    execute: Callable[[Call], Any]
    name: str
    content_type: str = "text/csv"
    accept: str = "text/csv"
    engine: Engine = Engine.REALTIME
    close_connections: Callable[[], None] = lambda: None

    @property
    def where(self) -> str:
        """The endpoint's name."""
        return f"endpoint {self.name}"

    def invoke(self, body: bytes) -> bytes:
        """Return the container's answer.

        Raises:
            InvocationFailedError: the service or the container refused, or did not answer.
            TailraceError: the caller may not invoke the endpoint, or AWS cannot be called at all.
        """
        params = {"EndpointName": self.name, "Body": body, "ContentType": self.content_type, "Accept": self.accept}
        try:
            answer: bytes = self.execute(BodyCall("sagemaker-runtime", _OPERATION, params))
        except (AccessDeniedError, ConfigurationError, NotFoundError):
            raise
        except TailraceError as exc:
            hint = exc.retry_after_s if isinstance(exc, TransientError) else None
            reason = failure_reason(exc, serverless=self.engine is Engine.SERVERLESS)
            raise InvocationFailedError(reason, retry_after_s=hint) from exc
        return answer

    def close(self) -> None:
        """Close the connections."""
        self.close_connections()


def model_connection(
    *, session: Any = None, region: str | None = None, endpoint_url: str | None = None, concurrency: int = 4
) -> Boto3Connection:
    """Connect for invocations: each is tried once, for what follows is for the scorer to decide."""
    from tailrace.aws.connections import Boto3Connection  # noqa: PLC0415 - a container at hand needs no AWS

    def retry(execute: Callable[[Call], Any], *, policy: Any) -> Callable[[Call], Any]:
        patient = retrying(execute, policy=policy)
        return lambda call: execute(call) if call.operation == _OPERATION else patient(call)

    return Boto3Connection(
        session=session,
        region=region,
        endpoint_url=endpoint_url,
        concurrency=concurrency,
        retry=retry,
        read_timeout_s=READ_TIMEOUT_S,
    )
