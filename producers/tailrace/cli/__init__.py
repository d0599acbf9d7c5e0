"""The command line, ``tailrace``; its parts are imported only when it runs."""

from __future__ import annotations

import gc
import sys

_ALLOCATIONS = 50_000
"""So many objects more than were let go make the collector look; Python's own number is 700."""


def main() -> None:
    """Run the command line and exit."""
    # A command allocates much that lasts (botocore's models above all) and leaves few cycles: looking for these at the
    # usual rate took a third of a submit's time.
    gc.set_threshold(_ALLOCATIONS)
    try:
        import rich  # noqa: F401, PLC0415 - only to say clearly that it is missing
        import typer  # noqa: F401, PLC0415 - the same
    except ImportError:
        print("tailrace: the command line needs the extra [cli]: pip install 'tailrace[cli]'", file=sys.stderr)  # noqa: T201 - nothing else is there to print with
        sys.exit(1)
    from tailrace.cli import streams  # noqa: PLC0415 - they need what was just looked for
    from tailrace.cli.application import run  # noqa: PLC0415 - the same

    streams.open_stderr()
    if not streams.stdout_is_open():
        # Said before anything is done: a job's id or a result would be lost.
        sys.stderr.write("tailrace: standard output is closed; open it, or redirect it to a file or to /dev/null\n")
        sys.exit(1)
    code = run(sys.argv[1:])
    # Python looks for cycles when it ends, through all that is about to be given back anyway.
    gc.freeze()
    sys.exit(code if streams.flush() or code else 1)
