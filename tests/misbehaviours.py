"""Jobs for a model that misbehaves, with the right outcome of each, for simulated and deployed stacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.misbehaving_model import double


@dataclass(frozen=True)
class Misbehaviour:
    """A job of rows ``behaviour,x`` whose x are 0, 1, 2 …, and what must come of it."""

    behaviour: str
    rows: int
    chunk_rows: int
    said: str = ""
    """Part of the reason of each rejected row."""
    predicted: Callable[[str], str] | None = None
    """The right prediction for a value; None if the job must fail without any."""
    requests: int | None = None
    """The number of requests, if it must be exact."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `SubmitOptions`, most of which are fields of `JobSettings` too."""

    @property
    def values(self) -> list[str]:
        return [str(row) for row in range(self.rows)]

    @property
    def expected(self) -> list[str]:
        """The prediction of each row, empty where there must be none."""
        return ["" if self.predicted is None else self.predicted(value) for value in self.values]


def _list(value: str) -> str:
    return f'"[{value},{double(value)}]"'


MISBEHAVIOURS = {
    "an error for every request": Misbehaviour("out_of_memory", 40, 20, "CUDA out of memory"),
    "an error for a single row": Misbehaviour("out_of_memory", 1, 1, "CUDA out of memory"),
    "a byte order mark": Misbehaviour("byte_order_mark", 20, 20, predicted=lambda value: f"{float(value)}", requests=1),
    "one row's values for six rows": Misbehaviour("first_row_only", 6, 6, "answered 3"),
    "one row's values for the last three rows": Misbehaviour("first_row_only", 23, 20, "answered 3"),
    "a line at the end and none for the header": Misbehaviour(
        "done", 6, 6, "predictions", options={"header": "repeat"}
    ),
    "a list a line, and a chunk of one row": Misbehaviour("list_a_line", 5, 2, predicted=_list),
    "lists on one line": Misbehaviour(
        "joined_lists",
        120,
        120,
        predicted=lambda value: f"{value},0,1",
        requests=1,
        options={"output_columns": ("a", "b", "c")},
    ),
    "NUL bytes": Misbehaviour("nul", 4, 2, "NUL"),
    "text that is not UTF-8": Misbehaviour("latin_1", 4, 2, "UTF-8"),
    "a page of HTML": Misbehaviour("page", 4, 2, "markup"),
    # The documented limit: without a proof of positions, nothing tells.
    "lines in reverse": Misbehaviour("reversed", 6, 6, predicted=lambda value: double(f"{5 - int(value)}")),
    "lines in reverse, with canaries": Misbehaviour("reversed", 6, 6, predicted=double, options={"canaries": 2}),
    "a row dropped and a line added, with canaries": Misbehaviour(
        "row_dropped", 6, 6, predicted=double, options={"canaries": 2}
    ),
}
