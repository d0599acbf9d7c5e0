"""Errors of the emulators.

EmulatorError
├── ApiError              an error response: a code of AWS's, a message, a status
└── ResourceError         a resource could not be created, updated or deleted for CloudFormation
"""


class EmulatorError(Exception):
    """Root of the emulators' errors."""


class ApiError(EmulatorError):
    """An error response.

    Attributes:
        code: AWS's name, such as ValidationException.
        status: HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class ResourceError(EmulatorError):
    """A resource was not created, updated or deleted; the message is the stack event's reason."""


def validation(message: str) -> ApiError:
    """Make a control plane's ValidationException."""
    return ApiError("ValidationException", message)
