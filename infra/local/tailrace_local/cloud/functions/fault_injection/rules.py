"""The rules of a fault plan, for functions' processes.

Standard library only, with shared counters.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tailrace_local.emulator_base.seeded_random import draw

PLAN, LOG, _COUNTERS = "plan.json", "log.jsonl", "memory.json"
Fault = Mapping[str, Any]


class FaultRules:
    """The plan in a folder.

    The counters of matches and faults are beside it, shared under a file lock.
    """

    def __init__(self, folder: Path, function: str) -> None:
        self._folder = folder
        self._function = function
        plan = json.loads((folder / PLAN).read_text())
        self._seed = int(plan["seed"])
        self._rules = [
            (rule["name"] or f"{number}-{rule['do']['kind']}", rule["when"], rule["do"])
            for number, rule in enumerate(plan["rules"], 1)
        ]

    def at_event(self, request_id: str) -> tuple[Fault, float] | None:
        """Return a fault for the time while the event is handled.

        With it comes a number in [0, 1), which selects the moment.
        """
        return self._first(lambda do: do["kind"] == "kill_during", "*", None, request_id)

    def at_call(self, when: str, call: str, number: int, request_id: str) -> Fault | None:
        """Return a fault for the event's n-th AWS call, such as `s3.PutObject`.

        `when` is "before" the call is sent, or "after" its answer has come.
        """
        after = {"kill_after", "lose_reply", "break_body"}
        found = self._first(
            lambda do: do["kind"] != "kill_during" and (do["kind"] in after) == (when == "after"),
            call,
            number,
            request_id,
        )
        return found[0] if found else None

    def _first(self, is_meant: Any, call: str, number: int | None, request_id: str) -> tuple[Fault, float] | None:
        for name, when, do in self._rules:
            if not is_meant(do) or not self._matches(when, call, number):
                continue
            share = self._acts(name, when)
            if share is not None:
                self._log(name, do, call, number, request_id)
                return do, share
        return None

    def _matches(self, when: Mapping[str, Any], call: str, number: int | None) -> bool:
        return (
            fnmatchcase(self._function, when["function"])
            and fnmatchcase(call, when["call"])
            and when.get("number") in {None, number}
        )

    def _acts(self, name: str, when: Mapping[str, Any]) -> float | None:
        """Count a match; returns a number in [0, 1) if the rule acts on it, else None."""
        with self._counters() as counters:
            counted = counters.setdefault(name, {"matched": 0, "acted": 0})
            counted["matched"] += 1
            position = counted["matched"] - when["after"]
            share = draw(self._seed, name, counted["matched"])
            limit, every, rate = when.get("limit"), when.get("every"), when.get("rate")
            if (
                position < 1
                or (limit is not None and counted["acted"] >= limit)
                or (every and position % every)
                or (rate is not None and share >= rate)
            ):
                return None
            counted["acted"] += 1
            return draw(self._seed, name, counted["matched"], "moment")

    @contextmanager
    def _counters(self) -> Iterator[dict[str, Any]]:
        path = self._folder / _COUNTERS
        with path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            counters = json.loads(path.read_text()) if path.exists() else {}
            yield counters
            # Replaced, not rewritten: a rule of this plan may kill this process at any moment.
            scratch = path.with_suffix(".partial")
            scratch.write_text(json.dumps(counters))
            scratch.replace(path)

    def _log(self, name: str, do: Fault, call: str, number: int | None, request_id: str) -> None:
        entry = {
            "time": round(time.time(), 3),
            "rule": name,
            "kind": do["kind"],
            "function": self._function,
            "request_id": request_id,
            "pid": os.getpid(),
        }
        entry |= {} if number is None else {"call": call, "number": number}
        # One write for the line: lines of processes do not mix, and it is in the file if this
        # process dies next.
        handle = os.open(self._folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, json.dumps(entry).encode() + b"\n")
        finally:
            os.close(handle)
