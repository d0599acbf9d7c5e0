"""The seam for misbehaviour on demand: one object is asked around each step of an asynchronous invocation.

By default it does nothing. One that misbehaves overrides what it needs: it may wait, raise, change what passes, call
the step twice or not at all.
"""

from collections.abc import Awaitable, Callable

from tailrace_local.sagemaker.invocations import Invocation
from tailrace_local.sagemaker.payload import Payload
from tailrace_local.sagemaker.ports import Answer

Call = Callable[[], Awaitable[Answer]]
Publish = Callable[[str], Awaitable[None]]


class Faults:
    """Does nothing at every step; the root of those that do."""

    def accepts(self, invocation: Invocation) -> bool:  # noqa: ARG002 - for those who override
        """Whether the request enters the queue after its 202; False loses it."""
        return True

    async def before_download(self, invocation: Invocation) -> None:
        """Before the input is read; StorageError makes it fail."""

    async def around_model(self, invocation: Invocation, call: Call) -> Answer:  # noqa: ARG002 - for those who override
        """Around the call of the container; NoAnswerError makes it fail."""
        return await call()

    async def before_upload(self, invocation: Invocation, body: Payload) -> Payload:  # noqa: ARG002 - same
        """Before the output is stored: what is stored; StorageError makes it fail."""
        return body

    async def around_notify(self, invocation: Invocation, message: str, publish: Publish) -> None:  # noqa: ARG002 - same
        """Around the publication of a notification."""
        await publish(message)
