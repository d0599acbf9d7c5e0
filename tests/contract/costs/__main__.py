"""Prints the page's table of calls: ``python -m tests.contract.costs CHUNKS …``."""

from __future__ import annotations

import sys

from tests.contract.costs.calls import table

sys.stdout.write(table([int(chunks) for chunks in sys.argv[1:]]) + "\n")
