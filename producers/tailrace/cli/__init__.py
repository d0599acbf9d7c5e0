"""The command line, ``tailrace``; its parts are imported only when it runs."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit."""
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
    sys.exit(code if streams.flush() or code else 1)
