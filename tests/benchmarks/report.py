"""The contestant's side of `processes.reporting`: does the work, says how long it took and what came of it.

Imports nothing but the standard library: peers run in an environment without the project.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def report(work: Callable[[], Any]) -> None:
    """Time the work, without the start of Python and imports, and write what `processes.reporting` reads."""
    started = time.perf_counter()
    answer = work()
    seconds = time.perf_counter() - started
    json.dump({"answer": answer, "figures": {"seconds": seconds}}, sys.stdout)
