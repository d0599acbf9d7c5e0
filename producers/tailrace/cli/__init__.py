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
    from tailrace.cli.application import run  # noqa: PLC0415 - it needs what was just looked for

    sys.exit(run(sys.argv[1:]))
