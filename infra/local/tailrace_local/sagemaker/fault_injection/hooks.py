"""Hooks around each step of an invocation, which inject faults.

An invocation of InvokeEndpoint has no queue, no download and no notification; its output is its
answer. An object of a transform job has a download, an output and calls of the model, and an event
of the job is a notification.

`FaultHooks` does nothing. A subclass overrides the hooks that it needs: a hook may wait, raise,
change what it is given, run the step twice or not at all. `planned_faults` has the subclass that
follows a plan.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ModelResponse

Publish = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class ModelCall:
    """The call of the container. A hook may await it once, several times or never.

    Attributes:
        body: the downloaded input.
        make: makes the call.
        kill_servers: sends SIGKILL to the model servers of the instance that takes the call.
    """

    body: Payload
    make: Callable[[], Awaitable[ModelResponse]]
    kill_servers: Callable[[], None]

    async def __call__(self) -> ModelResponse:
        """Call the container. Raises NoResponseError."""
        return await self.make()


class FaultHooks:
    """Injects no faults; base class of hooks that do."""

    def before_acceptance(self, invocation: Invocation) -> None:
        """Run before the request is accepted; an ApiError refuses it."""

    def admit(self, invocation: Invocation) -> Invocation | None:
        """Return the invocation to queue.

        None loses the request; an `expires_s` in the past expires it at once.
        """
        return invocation

    def answers(self, invocation: Invocation) -> bool:  # noqa: ARG002 - for subclasses
        """True if the 202 reaches the caller.

        False breaks off the connection, although the request is queued.
        """
        return True

    async def before_download(self, invocation: Invocation) -> None:
        """Run before the input is read; a StorageError fails the invocation."""

    async def around_model(self, invocation: Invocation, call: ModelCall) -> ModelResponse:  # noqa: ARG002 - same
        """Run around the container's call; NoResponseError fails it, TimeoutError times it out."""
        return await call()

    async def before_upload(self, invocation: Invocation, body: Payload) -> Payload:  # noqa: ARG002 - same
        """Return the output to store; a StorageError fails the invocation."""
        return body

    async def around_notify(self, invocation: Invocation, message: str, publish: Publish) -> None:  # noqa: ARG002 - same
        """Run around the publication of a notification."""
        await publish(message)

    async def close(self) -> None:
        """Drop the notifications still held back; called when the emulator stops."""
