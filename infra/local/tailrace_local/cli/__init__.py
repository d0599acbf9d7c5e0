"""The commands of `tailrace local`, and their output.

Imports `tailrace_local.control` and `tailrace_local.state_directory`; nothing imports it but the
entry points.
"""

from tailrace_local.cli.application import app

__all__ = ["app"]
