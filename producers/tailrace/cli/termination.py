"""Handling of SIGTERM and SIGHUP: they unwind like Ctrl-C, so that jobs are closed.

Schedulers and containers send SIGTERM, a closed terminal SIGHUP.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_SHELL_BASE = 128
"""A shell reports a process that a signal ended with 128 and the signal's number."""


class TerminationError(KeyboardInterrupt):
    """The process received SIGTERM or SIGHUP."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = _SHELL_BASE + number
        self.what = "terminated" if number == signal.SIGTERM else "hung up"


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Raise `TerminationError` at the first signal; ignore further ones, so that they do not cut the clean-up short.

    A signal with a handler already, or ignored (as under ``nohup``), keeps it. Outside of the main
    thread nothing changes.
    """
    ours = threading.current_thread() is threading.main_thread()
    taken = [number for number in _SIGNALS if ours and signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _raise(number: int, _: FrameType | None) -> NoReturn:
    for each in _SIGNALS:
        if signal.getsignal(each) is _raise:
            # A handler that does nothing, as child processes would inherit SIG_IGN.
            signal.signal(each, _pass)
    raise TerminationError(number)


def _pass(_: int, __: FrameType | None) -> None:
    """Ignore a further signal."""
