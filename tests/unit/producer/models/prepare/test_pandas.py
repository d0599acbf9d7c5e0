"""Preparation against pandas: the same numbers, the same fill values."""

from __future__ import annotations

import io

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tailrace.models.prepare.preparing import prepare
from tests.unit.producer.models.prepare.tables import BLANKS

# pandas takes other texts for numbers too, such as 1_000 and digits of other scripts.
VALUES = st.one_of(
    st.floats(-1e6, 1e6).map(repr), st.integers(-99, 99).map(str), st.sampled_from(["", "n/a", "abc", "1e3", "1,5"])
)
CELLS = st.tuples(BLANKS, VALUES, BLANKS).map("".join)


@given(st.lists(CELLS, min_size=1, max_size=12), st.sampled_from(["median", "mode", "0"]))
def test_numbers_and_fill_values_are_those_of_pandas(cells: list[str], fill: str) -> None:
    frame = pd.DataFrame({"key": range(len(cells)), "x": cells})
    raw = frame.to_csv(index=False).encode()
    # Assigned anew: `frame["x"].fillna(…, inplace=True)` changes nothing from pandas 3 on.
    numbers = pd.to_numeric(frame["x"].str.strip(), errors="coerce")
    values = {"median": numbers.median(), "mode": numbers.mode().min(), "0": 0.0}
    if numbers.isna().all() and fill != "0":
        return
    wanted = numbers.fillna(values[fill])
    steps = {"strip": True, "to": "number", "on_error": "null", "fill": fill}
    out = io.BytesIO()
    done = prepare(raw, out, recipe={"columns": {"x": steps}})
    found = pd.read_csv(io.BytesIO(out.getvalue()), dtype=str, keep_default_na=False)
    assert [float(cell) for cell in found["x"]] == wanted.astype(float).tolist()
    assert found["key"].tolist() == [str(key) for key in frame["key"]]
    assert done.counts.columns["x"].filled == int(numbers.isna().sum())
