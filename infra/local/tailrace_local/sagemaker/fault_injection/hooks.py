"""The seam for misbehaviour on demand: one object is asked around each step of an asynchronous invocation.

By default it does nothing. One that misbehaves overrides what it needs: it may wait, raise, change what passes, call
the step twice or not at all. `planned_faults` has the one that follows a plan.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ModelResponse

Publish = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class ModelCall:
    """The call of the container, to be awaited once, several times or never.

    Attributes:
        body: the input, downloaded.
        kill_servers: SIGKILL to the model servers of the instance that the call goes to.
    """

    body: Payload
    make: Callable[[], Awaitable[ModelResponse]]
    kill_servers: Callable[[], None]

    async def __call__(self) -> ModelResponse:
        """Call the container. Raises NoResponseError."""
        return await self.make()


class FaultHooks:
    """Does nothing at every step; the root of those that do."""

    def before_acceptance(self, invocation: Invocation) -> None:
        """Before the request is taken; ApiError refuses it."""

    def admit(self, invocation: Invocation) -> Invocation | None:
        """What enters the queue; None loses the request, one with a passed `expires_s` expires at once."""
        return invocation

    def answers(self, invocation: Invocation) -> bool:  # noqa: ARG002 - for those who override
        """Whether the 202 reaches the caller; False breaks the connection off, though the request is queued."""
        return True

    async def before_download(self, invocation: Invocation) -> None:
        """Before the input is read; StorageError makes it fail."""

    async def around_model(self, invocation: Invocation, call: ModelCall) -> ModelResponse:  # noqa: ARG002 - same
        """Around the call of the container; NoResponseError makes it fail, TimeoutError lets it time out."""
        return await call()

    async def before_upload(self, invocation: Invocation, body: Payload) -> Payload:  # noqa: ARG002 - same
        """Before the output is stored: what is stored; StorageError makes it fail."""
        return body

    async def around_notify(self, invocation: Invocation, message: str, publish: Publish) -> None:  # noqa: ARG002 - same
        """Around the publication of a notification."""
        await publish(message)

    async def close(self) -> None:
        """Forget what is still held back; called when the emulator stops."""
