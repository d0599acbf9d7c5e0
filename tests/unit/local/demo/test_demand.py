import csv
import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailrace_local.demo import demand
from tailrace_local.demo.demand import Demand
from tailrace_local.demo.sales_model import BLOCK_ROWS


def text(**wanted: object) -> bytes:
    return b"".join(demand.chunks(Demand(**wanted)))  # type: ignore[arg-type]  # the settings are each test's point


def records(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def test_the_header_is_the_contracts() -> None:
    expected = (
        b"product_code,product_category,product_subcategory,location_code,"
        b"scaled_price,promotion_email,promotion_homepage,timestamp"
    )
    assert text(rows=0) == expected + b"\n"
    assert text(rows=0, target=True, id_column="order_id") == b"order_id," + expected + b",unit_sales\n"


@settings(deadline=None)
@given(
    short=st.integers(0, 2 * BLOCK_ROWS + 5),
    more=st.integers(0, BLOCK_ROWS),
    seed=st.integers(0, 2**70),
    quoted=st.sampled_from([0.0, 0.2]),
)
def test_fewer_rows_of_a_seed_are_a_prefix_of_more(short: int, more: int, seed: int, quoted: float) -> None:
    assert text(rows=short + more, seed=seed, quoted=quoted).startswith(text(rows=short, seed=seed, quoted=quoted))


def test_it_has_as_many_rows_as_asked_across_blocks() -> None:
    for rows in (0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS):
        assert len(records(text(rows=rows, header=False))) == rows
    assert len(demand.targets(3, BLOCK_ROWS + 1)) == BLOCK_ROWS + 1


def test_other_seeds_give_other_rows() -> None:
    assert text(rows=50, seed=1) != text(rows=50, seed=2)


@settings(deadline=None)
@given(size=st.integers(0, 900_000), crlf=st.booleans(), quoted=st.sampled_from([0.0, 0.3]))
def test_a_size_is_filled_with_whole_rows_and_never_exceeded(size: int, *, crlf: bool, quoted: float) -> None:
    data = text(size_bytes=size, crlf=crlf, quoted=quoted)
    rows = len(records(data)) - 1
    assert len(data) <= size
    assert data == (text(rows=rows, crlf=crlf, quoted=quoted) if data else b"")
    assert len(text(rows=rows + 1, crlf=crlf, quoted=quoted)) > size


def test_what_is_planted_leaves_the_other_rows_alone() -> None:
    plain = records(text(rows=4000, seed=7, target=True))
    planted = records(text(rows=4000, seed=7, target=True, quoted=0.1, bad=0.05, unknown=0.2))
    changed = [(before, after) for before, after in zip(plain, planted, strict=True) if before != after]
    quoted = [after for before, after in changed if after[2] != before[2]]
    bad = [after for before, after in changed if after[4] != before[4]]
    unknown = [after for before, after in changed if after[0] != before[0]]
    assert 300 < len(quoted) < 500
    assert 120 < len(bad) < 280
    assert 650 < len(unknown) < 950
    assert all("\n" in row[2] and '"' in row[2] and "," in row[2] for row in quoted)
    assert {row[4] for row in bad} == {"n/a"}
    known = {row[0] for row in plain}, {row[1] for row in plain}
    assert not [row for row in unknown if row[0] in known[0] or row[1] in known[1]]
    assert [row[3:4] + row[5:] for row in plain] == [row[3:4] + row[5:] for row in planted]


def test_crlf_ends_every_record_and_changes_nothing_else() -> None:
    data = text(rows=100, crlf=True)
    assert data.count(b"\r\n") == data.count(b"\n") == 101
    assert data.replace(b"\r\n", b"\n") == text(rows=100)


def test_the_id_column_is_the_position_across_blocks() -> None:
    rows = records(text(rows=BLOCK_ROWS + 10, id_column="row_id"))
    assert rows[0][0] == "row_id"
    assert [row[0] for row in rows[1:]] == [str(position) for position in range(BLOCK_ROWS + 10)]


def test_every_chunk_ends_at_a_record() -> None:
    pieces = list(demand.chunks(Demand(rows=3 * BLOCK_ROWS, quoted=0.5)))
    assert len(pieces) == 4
    assert [len(records(piece)) for piece in pieces] == [1, BLOCK_ROWS, BLOCK_ROWS, BLOCK_ROWS]


def test_the_target_column_is_what_targets_answers() -> None:
    column = [float(row[-1]) for row in records(text(rows=9000, seed=4, target=True, header=False))]
    assert column == demand.targets(4, 9000).tolist()


def test_values_are_in_their_documented_ranges() -> None:
    rows = records(text(rows=30_000, seed=11, header=False, target=True))
    assert len({row[0] for row in rows}) == 384
    assert {row[3] for row in rows} == {str(code) for code in range(110, 410, 5)}
    assert {(row[5], row[6]) for row in rows} == {("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")}
    assert min(row[7] for row in rows) == "2018-01-01"
    assert max(row[7] for row in rows) == "2021-12-31"
    assert all(0.5 < float(row[4]) < 1.2 and len(row[4].partition(".")[2]) == 9 for row in rows)
    assert all(row[8].isdigit() for row in rows)


def test_sales_follow_from_the_other_columns() -> None:
    rows = records(text(rows=60_000, seed=2, header=False, target=True))
    sold = np.log1p(np.array([float(row[8]) for row in rows]))
    price = np.array([float(row[4]) for row in rows])
    email = np.array([row[5] == "1" for row in rows])
    homepage = np.array([row[6] == "1" for row in rows])
    plain = ~email & ~homepage
    assert sold[email & ~homepage].mean() == pytest.approx(sold[plain].mean() + np.log(1.2), abs=0.04)
    assert sold[homepage].mean() > sold[~homepage].mean() + np.log(1.35)  # and the lower price beside it
    means = [sold[plain & (low <= price) & (price < low + 0.1)].mean() for low in (0.85, 0.95, 1.05)]
    assert all(cheap > dear for cheap, dear in pairwise(means))


@pytest.mark.parametrize(
    "wanted", [{}, {"rows": 1, "size_bytes": 1}, {"rows": -1}, {"rows": 1, "bad": 1.5}, {"rows": 1, "seed": -1}]
)
def test_settings_that_make_no_sense_are_refused(wanted: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="demand: "):
        Demand(**wanted)  # type: ignore[arg-type]  # wrong on purpose


def test_sizes_are_read_with_their_units() -> None:
    sizes = {"5": 5, "5kB": 5000, "64MB": 64_000_000, "1GiB": 1 << 30, "2 k": 2000}
    assert {size: demand._size(size) for size in sizes} == sizes


def test_untidy_cells_are_spaced_not_available_or_missing_and_change_nothing_else() -> None:
    tidy = records(text(rows=5000, target=True))
    untidy = records(text(rows=5000, target=True, untidy=0.3))
    counts = dict.fromkeys(("spaced", "n/a", "missing"), 0)
    for clean, raw in zip(tidy[1:], untidy[1:], strict=True):
        assert (raw[:4], raw[7]) == (clean[:4], clean[7])
        for at in (4, 5, 6, 8):
            if raw[at] in {"n/a", ""}:
                counts["n/a" if raw[at] else "missing"] += 1
            else:
                assert raw[at].strip() == clean[at]
                counts["spaced"] += raw[at] != clean[at]
    assert all(1700 < count < 2300 for count in counts.values()), counts


@pytest.mark.parametrize("untidy", [-0.1, 1.1])
def test_a_share_of_untidy_cells_lies_between_0_and_1(untidy: float) -> None:
    with pytest.raises(ValueError, match="a share lies between 0 and 1"):
        Demand(rows=1, untidy=untidy)
