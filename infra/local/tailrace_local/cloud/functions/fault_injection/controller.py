"""The fault plan of this cloud's functions: set, shown, cleared, and what it makes of a worker's command."""

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
    """How a worker starts: the arguments for Python, and variables beside the function's."""

    arguments: list[str]
    environment: dict[str, str]


class FaultController:
    """Every plan gets a folder of its own under `root`, with its memory and its log.

    `changed` is called when workers have to start anew: not for a plan without rules after one without.
    """

    def __init__(self, root: Path, changed: Callable[[], None]) -> None:
        self._root = root
        self._changed = changed
        self._numbers = itertools.count(1)
        self._folder: Path | None = None
        self._plan = FunctionFaultPlan()

    def set(self, plan: FunctionFaultPlan) -> None:
        """Follow this plan: every event from now on meets it."""
        folder = self._root / f"functions-{next(self._numbers)}"
        folder.mkdir(parents=True)
        (folder / PLAN).write_text(plan.model_dump_json())
        self._folder = folder
        self._follow(plan)

    def clear(self) -> None:
        """Misbehave no more; the log stays until the next plan."""
        self._follow(FunctionFaultPlan())

    def command(self, handler: str) -> RuntimeCommand:
        """The Lambda runtime client, or while there are rules the one that asks them."""
        if self._folder is None or not self._plan.rules:
            return RuntimeCommand(["-m", "awslambdaric", handler], {})
        return RuntimeCommand(["-m", _RUNTIME, str(self._folder), handler], {"PYTHONPATH": str(_SOURCES)})

    def shown(self) -> dict[str, Any]:
        """The plan and the counters as a JSON object."""
        entries = self.log()
        kinds, rules = (Counter(entry[key] for entry in entries) for key in ("kind", "rule"))
        counts = {"total": len(entries), "by_kind": dict(kinds), "by_rule": dict(rules)}
        return {"plan": self._plan.model_dump(mode="json", exclude_none=True), "counts": counts}

    def log(self) -> list[dict[str, Any]]:
        """What was done to whom, oldest first."""
        path = self._folder / LOG if self._folder else None
        if path is None or not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def _follow(self, plan: FunctionFaultPlan) -> None:
        # Warm workers stay where there are no rules, before or now.
        changed = bool(plan.rules or self._plan.rules)
        self._plan = plan
        if changed:
            self._changed()
