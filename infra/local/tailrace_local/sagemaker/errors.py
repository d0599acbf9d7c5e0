"""Errors of the emulator.

EmulatorError
├── ApiError              an error response: a code of AWS's, a message, a status
│   └── ModelError        a model's refusal of a synchronous invocation, with its own status
├── StartError            instances did not come into service; becomes the endpoint's FailureReason
├── StorageError          an object could not be read or written
├── NotifyError           a message could not be published
├── RoleError             an execution role could not be assumed
└── NoResponseError       a model server closed or refused the connection
"""

from tailrace_local.emulator_base.errors import ApiError, EmulatorError, validation

__all__ = [
    "ApiError",
    "EmulatorError",
    "ModelError",
    "NoResponseError",
    "NotifyError",
    "RoleError",
    "StartError",
    "StorageError",
    "runtime_validation",
    "validation",
]


class ModelError(ApiError):
    """The model refused a synchronous invocation: its status is not 2xx."""

    def __init__(self, message: str, original_status: int, original_message: str, log_stream_arn: str) -> None:
        super().__init__("ModelError", message, 424)
        self.original_status = original_status
        self.original_message = original_message
        self.log_stream_arn = log_stream_arn


class StartError(EmulatorError):
    """Instances did not come into service; the message is worded as a FailureReason."""


class StorageError(EmulatorError):
    """An object could not be read or written.

    Attributes:
        too_large: the object exceeds the payload limit.
    """

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


class NotifyError(EmulatorError):
    """A topic refused a message or could not be reached."""


class RoleError(EmulatorError):
    """An execution role could not be assumed."""


class NoResponseError(EmulatorError):
    """A model server gave no complete response.

    Attributes:
        connected: False if it did not accept the connection.
    """

    def __init__(self, message: str, *, connected: bool) -> None:
        super().__init__(message)
        self.connected = connected


def runtime_validation(message: str) -> ApiError:
    """Make the runtime API's validation error, which has another code than the control plane's."""
    return ApiError("ValidationError", message)
