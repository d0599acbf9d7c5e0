"""A cold start, for the runtime's Python: uses the standard library only.

``importing.py CLIENTS`` makes clients of boto3, ``importing.py CLIENTS ARTIFACT HANDLER`` a
function's service from its built artifact as well.
"""

from __future__ import annotations

import importlib
import json
import sys
import time


def main(clients: str, artifact: str = "", handler: str = "") -> None:
    """Start, and report how long it took."""
    started = time.perf_counter()
    if artifact:
        sys.path.insert(0, artifact)
        importlib.import_module(handler).build()
        make = importlib.import_module("tailrace_consumers.adapters.clients").default_client
    else:
        make = importlib.import_module("boto3").client
    made = [make(name) for name in clients.split(",")]
    seconds = time.perf_counter() - started
    json.dump(
        {"answer": [each.meta.service_model.service_name for each in made], "figures": {"seconds": seconds}}, sys.stdout
    )


main(*sys.argv[1:])
