"""The contestant's side of `processes.reporting`: does the work, reports its time and its answer.

Imports nothing but the standard library: peers run in an environment without the project.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def report(work: Callable[[], Any]) -> None:
    """Time the work, without Python's start and imports, and write it for `processes.reporting`."""
    started = time.perf_counter()
    answer = work()
    seconds = time.perf_counter() - started
    json.dump({"answer": answer, "figures": {"seconds": seconds}}, sys.stdout)
