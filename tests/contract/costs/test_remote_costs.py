"""The arithmetic of a job that is cut in the cloud, checked by hand."""

from __future__ import annotations

import pytest

from tailrace.costs import remote_costs
from tailrace.costs.prices import IRELAND
from tailrace.costs.remote_costs import RemoteWork
from tests.infra.templates import ROOT
from tests.markdown import formatted


def test_the_arithmetic_is_that_of_the_speeds_and_prices() -> None:
    # 1,000 stripes, 10 of them at once, each 128 MiB; 41,943 rows of 100 bytes fill a chunk.
    work = RemoteWork(size_bytes=1_000 * 128 * 2**20, functions=10, count_speed=2**27, cut_speed=2**26)
    assert (work.stripes, work.chunks) == (1_000, 1_000 * 33)
    # 125 runs of eight stripes are counted in 13 rounds, 167 runs of six are cut in 17.
    assert (work.count_s, work.cut_s) == (13 * 8, 17 * 6 * 2)
    # A run has 198 chunks, of which 99 are recorded together.
    assert work.job_item_writes == 2 * 167 / 204
    assert work.ledger_s == pytest.approx(33_000 * 13 / 1_000)
    costs = {item: cost for item, _, cost in remote_costs.cutting_costs(work, IRELAND)}
    assert costs["state transitions"] == pytest.approx((2 * (125 + 167) + 8) * 25 / 1e6)
    assert costs["CountStripe, CutStripe"] == pytest.approx((1_000 + 2_000) * 1.769 * 0.0000166667 + 292 * 0.20 / 1e6)


def test_less_than_a_stripe_takes_one() -> None:
    work = RemoteWork(size_bytes=1_000, row_bytes=100)
    assert (work.stripes, work.chunks, work.rows) == (1, 1, 10)


def test_the_page_has_what_the_script_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert remote_costs.main([]) == 0
    assert formatted(capsys.readouterr().out) in (ROOT / "docs/at-scale.md").read_text()


def test_numbers_that_cannot_be_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert remote_costs.main(["--functions", "0"]) == 2
    assert "functions is 0" in capsys.readouterr().err
