"""A player of the state machine's definition: as much of the Amazon States Language as it uses.

Tasks are called one at a time, those of a map's items in a random order and interleaved. Between
two of them the caller has its turn.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import decode  # type: ignore[import-untyped]  # ships no types

_TEMPLATE = Path(__file__).parents[3] / "infra/cutting.yaml"
_NEVER: dict[str, Any] = {"MaxAttempts": 0}
_CONCURRENCY = 3
"""Items of a map whose tasks are interleaved."""

Execution = Generator[str, None, Any]
"""An execution in progress: yields the name of each task before it is tried, returns the output."""


class StateFailedError(Exception):
    """A state failed, and with it its execution if nothing catches it."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


@cache
def definition() -> dict[str, Any]:
    """Read the definition; a task's resource is its function's logical id."""
    template, errors = decode(str(_TEMPLATE))
    assert not errors, errors
    machine = template["Resources"]["CuttingMachine"]["Properties"]
    given = machine["DefinitionSubstitutions"]

    def substitute(match: re.Match[str]) -> str:
        name = match[1]
        return "1" if name == "Concurrency" else str(given[name]) if name.startswith("Retry") else name

    found: dict[str, Any] = json.loads(re.sub(r"\$\{(\w+)\}", substitute, machine["DefinitionString"]))
    return found


@dataclass
class StateMachine:
    """The machine. ``call`` calls a function, ``read`` an object of the bucket, ``wait`` waits.

    ``call`` raises `StateFailedError` for an error of the function.
    """

    call: Callable[[str, dict[str, Any]], Any]
    read: Callable[[str], bytes]
    wait: Callable[[float], None]
    source: random.Random

    def execute(self, given: dict[str, Any]) -> Execution:
        """Run an execution."""
        return self._run(definition(), given, {})

    def _run(self, machine: Mapping[str, Any], given: Any, context: Any) -> Execution:
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            try:
                output, following = yield from self._state(state, given, context)
            except StateFailedError as exc:
                caught = next((each for each in state.get("Catch", ()) if _matches(each, exc.error)), None)
                if caught is None:
                    raise
                failure = {"Error": exc.error, "Cause": exc.cause}
                output, following = _placed(given, caught.get("ResultPath", "$"), failure), caught["Next"]
            if following is None:
                return output
            given, name = output, following

    def _state(
        self, state: Mapping[str, Any], given: Any, context: Any
    ) -> Generator[str, None, tuple[Any, str | None]]:
        kind = state["Type"]
        if kind == "Choice":
            chosen = (each for each in state["Choices"] if _find(each["Variable"], given, {}) is each["BooleanEquals"])
            return given, next(chosen, {"Next": state["Default"]})["Next"]
        if kind == "Fail":
            raise StateFailedError(_find(state["ErrorPath"], given, {}), _find(state["CausePath"], given, {}))
        if kind == "Succeed":
            return _find(state.get("OutputPath", "$"), given, {}), None
        parameters = _fill(state["Parameters"], given, context) if "Parameters" in state else given
        if kind == "Pass":
            result = state.get("Result", parameters)
        elif kind == "Task":
            result = yield from self._retried(state, lambda: self._task(state["Resource"], parameters))
        else:
            result = yield from self._retried(state, lambda: self._map(state, given))
        output = _placed(given, state.get("ResultPath", "$"), result)
        return output, None if state.get("End") else state["Next"]

    def _retried(self, state: Mapping[str, Any], attempt: Callable[[], Execution]) -> Execution:
        tries: Counter[int] = Counter()
        while True:
            try:
                return (yield from attempt())
            except StateFailedError as exc:
                rules = enumerate(state.get("Retry", ()))
                at, rule = next(((at, each) for at, each in rules if _matches(each, exc.error)), (-1, _NEVER))
                tries[at] += 1
                if tries[at] > rule["MaxAttempts"]:
                    raise
                self.wait(rule.get("IntervalSeconds", 1))

    def _task(self, resource: str, parameters: dict[str, Any]) -> Execution:
        yield resource
        # A state's data are JSON.
        return json.loads(json.dumps(self.call(resource, json.loads(json.dumps(parameters)))))

    def _map(self, state: Mapping[str, Any], given: Any) -> Execution:
        where = _fill(state["ItemReader"]["Parameters"], given, {})
        items = [json.loads(line) for line in self.read(where["Key"]).splitlines()]
        children = [
            self._run(
                state["ItemProcessor"], _fill(state["ItemSelector"], given, {"Map": {"Item": {"Value": item}}}), {}
            )
            for item in items
        ]
        self.source.shuffle(children)
        going, children = children[:_CONCURRENCY], children[_CONCURRENCY:]
        while going:
            child = self.source.choice(going)
            try:
                yield next(child)
            except StopIteration:
                going.remove(child)
                going += [children.pop()] if children else []
            except StateFailedError:
                going.remove(child)
                # Functions that were called already run on.
                for late in going:
                    for _ in zip(range(self.source.randrange(2)), late, strict=False):
                        pass
                raise StateFailedError("States.ExceedToleratedFailureThreshold", "an item failed") from None
        return []


def _matches(rule: Mapping[str, Any], error: str) -> bool:
    return error in rule["ErrorEquals"] or "States.ALL" in rule["ErrorEquals"]


def _find(path: str, given: Any, context: Any) -> Any:
    """Return the value at a reference path, in the context if it begins with ``$$``."""
    if path.startswith("States.Format("):
        pattern, _, argument = path.removeprefix("States.Format(").removesuffix(")").partition(", ")
        return pattern.strip("'").replace("{}", str(_find(argument, given, context)))
    root, *names = path.split(".")
    found = context if root == "$$" else given
    for name in names:
        found = found[name]
    return found


def _fill(template: Any, given: Any, context: Any) -> Any:
    """Return a payload template with its paths replaced by their values."""
    if not isinstance(template, dict):
        return template
    return {
        name.removesuffix(".$"): _find(value, given, context) if name.endswith(".$") else _fill(value, given, context)
        for name, value in template.items()
    }


def _placed(given: Any, path: str | None, result: Any) -> Any:
    if path is None:
        return given
    if path == "$":
        return result
    return {**given, path.removeprefix("$."): result}
