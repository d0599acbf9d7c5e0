"""Refusals of containers' responses: faulty headers, and InvokeEndpoint's ModelErrors."""

from tailrace_local.sagemaker.errors import ModelError
from tailrace_local.sagemaker.locations import Arns
from tailrace_local.sagemaker.ports import ModelResponse
from tailrace_local.sagemaker.settings import EmulatorSettings

_CLIENT_ERRORS = range(400, 500)
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics "
    "for each container in Amazon CloudWatch, resolve the issue, and try again."
)


class ModelRefusals:
    """Words refusals of models for the endpoints of one account and region."""

    def __init__(self, arns: Arns) -> None:
        self._arns = arns

    def of_model(self, endpoint: str, answer: ModelResponse) -> ModelError:
        """Return the error for a container's answer that is not 2xx, and close its body."""
        with answer.body as body:
            return self.refusal(endpoint, answer.status, body.read().decode(errors="replace"))

    def timed_out(self, endpoint: str) -> ModelError:
        """Return the error for a container that did not answer in time."""
        return self.refusal(endpoint, 0, _TIMED_OUT)

    def too_large(self, endpoint: str, limit_bytes: int) -> ModelError:
        """Return the error for an answer above the limit. AWS does not document its words."""
        return self.refusal(endpoint, 0, f"Response payload size exceeded the maximum of {limit_bytes} bytes.")

    def refusal(self, endpoint: str, status: int, said: str) -> ModelError:
        """Return the error for a status, 0 for a container that gave no complete answer."""
        side = "client" if status in _CLIENT_ERRORS else "server"
        message = (
            f'Received {side} error ({status}) from primary with message "{said}". '
            f"See {self._arns.log_page(endpoint)} in account {self._arns.account_id} for more information."
        )
        return ModelError(message, status, said, self._arns.log_stream_group(endpoint))


def faulty_headers(answer: ModelResponse, settings: EmulatorSettings) -> str | None:
    """Return why the service refuses a response's headers, as its logs word it; None for none."""
    lacks = "content-length" not in answer.headers and answer.body.size_bytes > 0
    limit = settings.response_headers_limit_bytes
    if settings.require_content_length and answer.ok and lacks:
        return "did not specify the required Content-Length header"
    if answer.head_bytes >= limit:
        return f"has headers of {answer.head_bytes} bytes, and {limit - 1} are allowed"
    return None
