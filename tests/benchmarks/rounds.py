"""Rounds: all contestants in turn, again and again. Other load on the machine hits all alike.

Every other round runs in reverse, so that no contestant always follows the same one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

from tests.benchmarks.contests import Contest, Contestant, Run

Medians = Mapping[str, Mapping[str, float]]
"""By contestant, by figure."""


class WrongAnswerError(Exception):
    """A contestant did other work than the others."""


def medians(contest: Contest, rounds: int, say: Callable[[str], None]) -> Medians:
    """Return the median of each figure of each contestant.

    Raises:
        WrongAnswerError: a contestant's answer is not the right one.
    """
    runs: dict[str, list[Run]] = {name: [] for name in contest.contestants}
    for number in range(rounds):
        for name, contestant in list(contest.contestants.items())[:: -1 if number % 2 else 1]:
            if contestant.rounds is None or number < contestant.rounds:
                runs[name].append(_checked(name, contestant))
                say(f"  round {number + 1} of {rounds}: {name}: {_shown(runs[name][-1])}")
    return {name: _medians(done) for name, done in runs.items()}


def _checked(name: str, contestant: Contestant) -> Run:
    done = contestant.run()
    if done.answer != contestant.answer:
        raise WrongAnswerError(f"{name} answered {done.answer!r}; right is {contestant.answer!r}")
    return done


def _medians(runs: list[Run]) -> dict[str, float]:
    return {figure: statistics.median(run.figures[figure] for run in runs) for figure in runs[0].figures}


def _shown(run: Run) -> str:
    return ", ".join(f"{name} {figure:.4g}" for name, figure in run.figures.items())
