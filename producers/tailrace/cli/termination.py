"""Handling of SIGTERM, which schedulers and containers send: it unwinds like Ctrl-C, so that jobs are closed."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


class TerminationError(KeyboardInterrupt):
    """The process received SIGTERM."""


@contextlib.contextmanager
def sigterm_raises() -> Iterator[None]:
    """Raise `TerminationError` at the first SIGTERM; ignore further ones, so that they do not cut the clean-up short.

    Does nothing if the signal has a handler already, or outside of the main thread.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise(_: int, __: FrameType | None) -> NoReturn:
    # A handler that does nothing, as child processes would inherit SIG_IGN.
    signal.signal(signal.SIGTERM, _pass)
    raise TerminationError


def _pass(_: int, __: FrameType | None) -> None:
    """Ignore a further signal."""
