"""The current fault plan of this cloud's functions, and the workers' command under it."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailrace_local.cloud.functions.fault_injection.plan import FunctionFaultPlan
from tailrace_local.cloud.functions.fault_injection.rules import LOG, PLAN

_SOURCES = Path(__file__).parents[4]
_RUNTIME = "tailrace_local.cloud.functions.fault_injection.runtime"


@dataclass(frozen=True)
class RuntimeCommand:
    """A worker's command: the arguments for Python, and variables beside the function's."""

    arguments: list[str]
    environment: dict[str, str]


class FaultController:
    """Sets, shows and clears the plan.

    Every plan has a folder under `root`, with its counters and its log.

    `changed` is called when workers have to be replaced: not for a plan without rules after one
    without.
    """

    def __init__(self, root: Path, changed: Callable[[], None]) -> None:
        self._root = root
        self._changed = changed
        self._numbers = itertools.count(1)
        self._folder: Path | None = None
        self._plan = FunctionFaultPlan()

    def set(self, plan: FunctionFaultPlan) -> None:
        """Apply a plan to every event from now on."""
        folder = self._root / f"functions-{next(self._numbers)}"
        folder.mkdir(parents=True)
        (folder / PLAN).write_text(plan.model_dump_json())
        self._folder = folder
        self._follow(plan)

    def clear(self) -> None:
        """Inject no more faults. The log stays until the next plan."""
        self._follow(FunctionFaultPlan())

    def command(self, handler: str) -> RuntimeCommand:
        """Return the command for a handler.

        The Lambda runtime client, or `runtime` while there are rules.
        """
        if self._folder is None or not self._plan.rules:
            return RuntimeCommand(["-m", "awslambdaric", handler], {})
        return RuntimeCommand(["-m", _RUNTIME, str(self._folder), handler], {"PYTHONPATH": str(_SOURCES)})

    def shown(self) -> dict[str, Any]:
        """Return the plan and the counters as a JSON object."""
        entries = self.log()
        kinds, rules = (Counter(entry[key] for entry in entries) for key in ("kind", "rule"))
        counts = {"total": len(entries), "by_kind": dict(kinds), "by_rule": dict(rules)}
        return {"plan": self._plan.model_dump(mode="json", exclude_none=True), "counts": counts}

    def log(self) -> list[dict[str, Any]]:
        """Return the injected faults, oldest first."""
        path = self._folder / LOG if self._folder else None
        if path is None or not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def _follow(self, plan: FunctionFaultPlan) -> None:
        # Warm workers are kept when there are rules neither before nor now.
        changed = bool(plan.rules or self._plan.rules)
        self._plan = plan
        if changed:
            self._changed()
