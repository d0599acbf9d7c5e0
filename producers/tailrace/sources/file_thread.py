"""One worker thread for each operation of the async client, for blocking work on files.

It reads and cuts the input of a submit, and it writes a download. It makes no AWS call: while it
reads an object of S3, the event loop makes the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from typing import Any, Self, TypeVar

T = TypeVar("T")


class FileThread:
    """Runs functions one after the other in a thread of its own. An async context manager."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="tailrace-files")

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Return the result of ``function(*args)``.

        On cancellation the function goes on in the thread.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *args)

    @asynccontextmanager
    async def open(self, make: Callable[[], AbstractContextManager[T]]) -> AsyncIterator[T]:
        """Make a context manager, enter it and leave it, all in the thread.

        It is left after whatever the thread was doing, also when the caller was cancelled
        meanwhile.
        """
        stack = ExitStack()
        try:
            yield await self.run(lambda: stack.enter_context(make()))
        except BaseException as exc:
            await asyncio.shield(self.run(stack.__exit__, type(exc), exc, exc.__traceback__))
            raise
        else:
            await asyncio.shield(self.run(stack.__exit__, None, None, None))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # Not waited for: the thread may be reading an input that has nothing to give, and ends with
        # it.
        self._executor.shutdown(wait=False)
