"""Matches the rules of a fault plan against requests."""

from collections import Counter
from fnmatch import fnmatchcase

from tailrace_local.emulator_base.seeded_random import draw
from tailrace_local.sagemaker.fault_injection.plan import FaultPlan, Rule, Selection
from tailrace_local.sagemaker.messages.invocations import Invocation


class RuleMatcher:
    """A rule and its state: how many requests matched, how often the rule acted."""

    def __init__(self, plan: FaultPlan, name: str, rule: Rule) -> None:
        self.name = name
        self.rule = rule
        self._plan = plan
        self._matched = 0
        self._acted = 0
        self._seen: Counter[str] = Counter()

    def matches(self, invocation: Invocation, *, row_found: bool, outcome: str | None = None) -> bool:
        """True if the rule acts on this request now.

        Each call counts for `every`, `after`, `rate` and `limit`.
        """
        when = self.rule.when
        if not self._matches(when, invocation, row_found=row_found, outcome=outcome):
            return False
        self._matched += 1
        position = self._matched - when.after
        identity = self.identity(invocation)
        self._seen[identity] += 1
        if position < 1 or (when.limit is not None and self._acted >= when.limit):
            return False
        if when.every and position % when.every:
            return False
        if when.rate is not None and self.draw(invocation, self._seen[identity]) >= when.rate:
            return False
        self._acted += 1
        return True

    def draw(self, invocation: Invocation, *what: object) -> float:
        """Draw a number in [0, 1) for this request, the same at every run."""
        return draw(self._plan.seed, self.name, self.identity(invocation), *what)

    def identity(self, invocation: Invocation) -> str:
        """Return the part of the inference id that is the same at every run."""
        found = self._plan.identity.search(invocation.inference_id)
        return found.group() if found else invocation.inference_id

    @staticmethod
    def _matches(when: Selection, invocation: Invocation, *, row_found: bool, outcome: str | None) -> bool:
        return (
            fnmatchcase(invocation.endpoint_name, when.endpoint)
            and (when.inference_id is None or bool(when.inference_id.search(invocation.inference_id)))
            and (when.outcome is None or when.outcome == outcome)
            and (when.row is None or row_found)
        )
