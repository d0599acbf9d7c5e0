"""The standard streams of the process, which whoever starts it may have closed, or may stop reading from."""

from __future__ import annotations

import contextlib
import os
import sys

_STDERR = 2


def open_stderr() -> None:
    """Where standard error is closed, messages go nowhere; else the next connection would get its descriptor."""
    if getattr(sys, "stderr", None) is None:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        if descriptor != _STDERR:
            os.dup2(descriptor, _STDERR)
            os.close(descriptor)
        sys.stderr = os.fdopen(_STDERR, "w", closefd=False)


def stdout_is_open() -> bool:
    """Whether there is a standard output."""
    return getattr(sys, "stdout", None) is not None


def flush() -> bool:
    """Write out what is buffered; whether that worked. What could not be written is given up.

    The interpreter flushes once more at its end, and would report the same error with a traceback.
    """
    written = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            written = False
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
    return written
