"""SIGTERM, by which schedulers and containers end a command: it unwinds as Ctrl-C does, so that jobs are closed."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


class TerminationError(KeyboardInterrupt):
    """The process was told to end."""


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Makes SIGTERM raise `TerminationError`, once: what is tidied up then is not to be cut short by another.

    Does nothing where somebody handles the signal already, and outside of the main thread.
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
    # Not SIG_IGN, which child processes would inherit.
    signal.signal(signal.SIGTERM, _pass)
    raise TerminationError


def _pass(_: int, __: FrameType | None) -> None:
    """A second signal changes nothing."""
