"""The contestant's side of `processes.reporting`: does the work, reports its times and its answer.

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
    started, cpu_started = time.perf_counter(), time.process_time()
    answer = work()
    figures = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu_started}
    json.dump({"answer": answer, "figures": figures}, sys.stdout)
