"""The command line, ``tailrace``; its modules are imported only when it runs.

Imports the rest of `tailrace` and `tailrace_core`; nothing of ours imports it but plugins.
"""

from __future__ import annotations

import gc
import sys

_ALLOCATIONS = 50_000
"""Surplus of allocations over deallocations that starts a garbage collection; Python's default is
700."""


_EXTRA = frozenset({"rich", "typer"})
"""Packages of the extra [cli], which may be missing."""
_INTERRUPTED = 130
"""`ExitCode.INTERRUPTED`, which cannot be imported yet when an interruption comes this early."""


def main() -> None:
    """Run the command line and exit."""
    try:
        _main()
    except KeyboardInterrupt:
        # While the commands' modules were imported; later ones are handled where the command runs.
        sys.stderr.write("tailrace: interrupted\n")
        sys.exit(_INTERRUPTED)


def _main() -> None:
    # A command allocates many lasting objects (botocore's models above all) and leaves few cycles.
    # Collecting at the default rate took a third of a submit's time.
    gc.set_threshold(_ALLOCATIONS)
    from tailrace.cli import streams  # noqa: PLC0415 - an interruption meanwhile is reported, too
    from tailrace.cli.application import run  # noqa: PLC0415 - the same

    streams.open_stderr()
    if not streams.stdout_is_open():
        # Refused before anything is done: a job's id or a result would be lost.
        sys.stderr.write("tailrace: standard output is closed; open it, or redirect it to a file or to /dev/null\n")
        sys.exit(1)
    try:
        code = run(sys.argv[1:])
    except ModuleNotFoundError as exc:
        if exc.name not in _EXTRA:
            raise
        sys.stderr.write("tailrace: the command line needs the extra [cli]: pip install 'tailrace[cli]'\n")
        code = 1
    # Python would collect cycles at exit, although all memory is about to be freed anyway.
    gc.freeze()
    sys.exit(code if streams.flush() or code else 1)
