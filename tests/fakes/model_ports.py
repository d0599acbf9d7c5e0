"""In-memory fakes of AutoML jobs, models and time, for ProvideModel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tailrace_consumers.provide_model.models import Model
from tailrace_consumers.provide_model.retrying import RetryUntil
from tailrace_core.errors import NotFoundError, TailraceError


@dataclass
class MemoryModels:
    """A fake of both ports.

    ``trouble`` holds each method's next errors; those of ``lost`` come after the effect.
    """

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    tags: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    trouble: dict[str, list[TailraceError]] = field(default_factory=dict)
    lost: list[TailraceError] = field(default_factory=list)
    called: list[str] = field(default_factory=list)

    def describe(self, name: str) -> dict[str, Any]:
        self._enter("describe")
        if name not in self.jobs:
            raise NotFoundError(f"there is no AutoML job {name} in this account and region")
        return self.jobs[name]

    def create(self, model: Model) -> bool:
        self._enter("create")
        if model.name in self.models:
            return False
        self.models[model.name] = model
        if self.lost:
            raise self.lost.pop(0)
        return True

    def tag(self, arn: str, tags: list[dict[str, str]]) -> None:
        self._enter("tag")
        self.tags[arn] = tags

    def delete(self, name: str) -> bool:
        self._enter("delete")
        return self.models.pop(name, None) is not None

    def _enter(self, method: str) -> None:
        self.called.append(method)
        if planned := self.trouble.get(method):
            raise planned.pop(0)


@dataclass
class Time:
    """A clock that sleeping advances, and each reading by ``step_s``."""

    now_s: float = 1000.0
    step_s: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        self.now_s += self.step_s
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def retry_until(self, remaining_s: float = 120.0) -> RetryUntil:
        return RetryUntil(clock=self.clock, sleep=self.sleep, deadline=self.now_s + remaining_s)
