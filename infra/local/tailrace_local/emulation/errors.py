"""Errors that every emulator answers with.

EmulatorError
├── ApiError              answered to a caller: a code of AWS's, a message, a status
└── ResourceError         a resource that CloudFormation could not have made, changed or removed
"""


class EmulatorError(Exception):
    """Root of what the emulators raise."""


class ApiError(EmulatorError):
    """An error answer.

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
    """A resource that could not be made, changed or removed; the message is the stack event's reason."""


def validation(message: str) -> ApiError:
    """A control plane's refusal of a request."""
    return ApiError("ValidationException", message)
