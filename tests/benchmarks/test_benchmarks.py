"""Each benchmark compares the same work with the same outcome.

These tests ignore the time it takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.benchmarks import delivering, results, rounds
from tests.benchmarks.catalogue import BENCHMARKS
from tests.benchmarks.contests import Benchmark, Contest, Contestant, Figure, Ratio, Run, Scale
from tests.benchmarks.processes import ROOT

TINY = Scale(1 / 20_000, rounds=1, steady_rounds=1)
SAMPLE = Ratio(name="sample", ours=Figure.of("seconds", "we"), theirs=Figure.of("seconds", "they"), bar=1.0, unit="s")


def run_of(answer: int, seconds: float = 1.0) -> Contestant:
    return Contestant(lambda: Run({"seconds": seconds}, answer), 7)


def result(name: str, ratio: float) -> results.Result:
    return results.Result(name=name, ratio=ratio, bar=1, holds=True, ours=ratio, theirs=1, unit="s", note="")


@pytest.fixture(scope="module")
def kept() -> Iterator[ExitStack]:
    """Keep what the benchmarks share, such as a deployed cloud, until the last of them has run."""
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize(
    "benchmark",
    [
        pytest.param(each, id=each.name, marks=[pytest.mark.cloud] if each in delivering.BENCHMARKS else [])
        for each in BENCHMARKS
    ],
)
def test_all_contestants_come_to_the_same_and_give_every_figure(benchmark: Benchmark, kept: ExitStack) -> None:
    with benchmark.contest(replace(TINY, kept=kept)) as contest:
        measured = rounds.medians(contest, TINY.rounds, print)
    for result in results.results(benchmark, measured):
        assert result.ours > 0
        assert result.theirs > 0


def test_a_quick_run_says_whose_bars_it_shows_and_where_it_is_written() -> None:
    beyond = replace(result("memory", 2.0), holds=False)
    full, quick = (results.table([beyond], quick=each) for each in (False, True))
    assert "missed" in full.splitlines()[1]
    assert full == "\n".join(quick.splitlines()[:2]).replace("beyond", "missed")
    assert "The bars are the full run's" in quick
    assert str(results.QUICK_PATH.relative_to(ROOT)) in quick
    assert results.QUICK_PATH != results.PATH


def test_names_of_benchmarks_and_of_ratios_are_unique() -> None:
    for names in ([each.name for each in BENCHMARKS], [ratio.name for each in BENCHMARKS for ratio in each.ratios]):
        assert len(set(names)) == len(names)


def test_a_contestant_that_comes_to_something_else_ends_the_benchmark() -> None:
    with pytest.raises(rounds.WrongAnswerError, match="they"):
        rounds.medians(Contest({"we": run_of(7), "they": run_of(8)}), 1, print)


def test_a_ratio_is_of_medians_and_the_better_of_several_peers_counts() -> None:
    durations = iter([1.0, 9.0, 2.0])
    ours = Contestant(lambda: Run({"seconds": next(durations)}))
    contest = Contest({"we": ours, "slow": run_of(7, 8.0), "quick": run_of(7, 4.0)})
    against = Ratio(
        name="", ours=Figure.of("seconds", "we"), theirs=Figure.of("seconds", "slow", "quick"), bar=0.5, unit="s"
    )
    benchmark = Benchmark("", lambda _: pytest.fail("is open"), (against,))
    (result,) = results.results(benchmark, rounds.medians(contest, 3, print))
    assert (result.ours, result.theirs, result.ratio, result.holds) == (2.0, 4.0, 0.5, True)


@pytest.mark.parametrize(("at_least", "kept"), [(False, [True, True, False]), (True, [False, True, True])])
def test_a_bar_is_kept_when_it_is_met(*, at_least: bool, kept: list[bool]) -> None:
    against = Ratio(name="", ours=SAMPLE.ours, theirs=1.0, bar=0.9, unit="", at_least=at_least)
    assert [against.holds(ratio) for ratio in (0.8, 0.9, 1.0)] == kept


def test_a_partial_run_replaces_its_rows_and_leaves_those_of_the_same_machine() -> None:
    old, new, newer = result("old", 1), result("new", 0.5), result("new", 0.25)
    document = results.merged([old, new], {}, {"cores": 2})
    assert [row["ratio"] for row in results.merged([newer], document, {"cores": 2})["ratios"]] == [1, 0.25]
    assert [row["name"] for row in results.merged([newer], document, {"cores": 4})["ratios"]] == ["new"]


def test_the_published_results_are_of_the_benchmarks_that_there_are() -> None:
    document = results.read(results.PATH)
    bars = {ratio.name: ratio for each in BENCHMARKS for ratio in each.ratios}
    assert {row["name"] for row in document["ratios"]} <= set(bars)
    for row in document["ratios"]:
        assert set(row) == set(results.Result.__slots__)
        assert row["bar"] == bars[row["name"]].bar
        assert row["holds"] is bars[row["name"]].holds(row["ratio"])
        assert row["ratio"] == pytest.approx(row["ours"] / row["theirs"], rel=0.01)
