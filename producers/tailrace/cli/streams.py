"""The standard streams of the process, which its parent may have closed or may stop reading."""

from __future__ import annotations

import contextlib
import os
import sys

_STDERR = 2


def open_stderr() -> None:
    """Open a closed standard error as /dev/null; otherwise the next connection would get its descriptor."""
    if getattr(sys, "stderr", None) is None:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        if descriptor != _STDERR:
            os.dup2(descriptor, _STDERR)
            os.close(descriptor)
        sys.stderr = os.fdopen(_STDERR, "w", closefd=False)


def stdout_is_open() -> bool:
    """Report whether standard output is open."""
    return getattr(sys, "stdout", None) is not None


def flush() -> bool:
    """Flush both streams and report whether that worked; drop output that could not be written.

    The interpreter flushes again at exit and would report the same error with a traceback.
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
