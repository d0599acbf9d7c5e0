"""Asks for advice about an opened input, by a stack or by a region alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tailrace.advice.input_facts import measure
from tailrace.advice.rules import Advice, advise
from tailrace.advice.situation import CHINA, Situation
from tailrace.costs.prices import BEIJING, IRELAND, Prices

if TYPE_CHECKING:
    from tailrace.aws.stacks import Stack
    from tailrace.sources.record_source import RecordSource
    from tailrace_core.engines import Engine


def prices_for(partition: str) -> Prices:
    """Return the prices that stand for a partition's regions."""
    return BEIJING if partition == CHINA else IRELAND


def of_stack(situation: Situation, stack: Stack) -> Situation:
    """Return the situation with what a stack has, and where it is."""
    # arn:PARTITION:sns:…
    partition = [*stack.results_topic.split(":"), ""][1] if stack.results_topic.startswith("arn:") else ""
    return replace(situation, engines=stack.engines, partition=partition or situation.partition)


def choose_engine(source: RecordSource, stack: Stack, deadline_s: float) -> Engine:
    """Return the engine that ``--via auto`` takes for an input that is due in so many seconds.

    It is the first of those that fit and that the stack has; where none fits, the stack's own. The
    beginning of the input is read.
    """
    situation = of_stack(Situation(input=measure(source), deadline_s=deadline_s), stack)
    choice = _advice(situation).choice
    return stack.engine(None) if choice is None else choice.engine


def _advice(situation: Situation) -> Advice:
    return advise(situation, prices_for(situation.partition))
