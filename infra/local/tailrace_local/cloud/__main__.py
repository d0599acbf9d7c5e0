"""The cloud's process, which `tailrace local up` starts.

Usage: `python -m tailrace_local.cloud SETTINGS`.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
from pathlib import Path

from tailrace_local.cloud.server import run
from tailrace_local.cloud.settings import CloudSettings


def main() -> None:
    """Serve one cloud until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m tailrace_local.cloud", description=__doc__)
    parser.add_argument("settings", type=Path, help="the settings file that the launcher wrote")
    arguments = parser.parse_args()
    # Functions' files, logs and spooled bodies hold the user's data.
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard > 0 else 65536, hard))
    run(CloudSettings.read(arguments.settings))


if __name__ == "__main__":
    main()
