"""A cold start, for the runtime's Python: uses the standard library only.

``importing.py CLIENTS`` makes clients of boto3, ``importing.py CLIENTS ARTIFACT HANDLER`` a
function's service from its built artifact, which makes its calls without clients.
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
        made = clients.split(",")
    else:
        make = importlib.import_module("boto3").client
        made = [make(name).meta.service_model.service_name for name in clients.split(",")]
    seconds = time.perf_counter() - started
    json.dump({"answer": made, "figures": {"seconds": seconds}}, sys.stdout)


main(*sys.argv[1:])
