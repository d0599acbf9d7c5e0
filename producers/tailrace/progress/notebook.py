"""The bar of a notebook: one output, updated in place, without widgets."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable
from typing import Any, Protocol

from tailrace.progress import OnProgress
from tailrace.progress.text import Moment, describer, share

EVERY_S = 0.2


class Display(Protocol):
    """A displayed output that can be replaced, as `IPython.display.display` returns it."""

    def update(self, obj: object, /) -> object: ...  # noqa: D102 - the class says it


class Line:
    """A line of progress, as HTML and as plain text: each front end shows the one that it can."""

    def __init__(self, text: str, done: float, total: float | None) -> None:
        self._text = text
        self._done = done
        self._total = total

    def _repr_html_(self) -> str:
        value = "" if self._total is None else f' value="{self._done:.0f}" max="{self._total:.0f}"'
        return f"<progress{value}></progress> {html.escape(self._text)}"

    def __repr__(self) -> str:
        return self._text


def is_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def notebook_report(clock: Callable[[], float], show: Callable[[Line], Display] | None = None) -> OnProgress:
    """Return a callback that shows the progress below the cell, at most every `EVERY_S` seconds."""
    shown: list[Display] = []
    last = [-EVERY_S]
    describe = describer(clock)

    def report(moment: Moment) -> None:
        done, total = share(moment)
        now = clock()
        if shown and done != total and now - last[0] < EVERY_S:
            return
        last[0] = now
        line = Line(describe(moment), done, total)
        if shown:
            shown[0].update(line)
        else:
            shown.append((show or _show)(line))

    return report


def _show(line: Line) -> Any:
    from IPython.display import display  # noqa: PLC0415 - a notebook has it, others need not

    shown: Callable[..., Any] = display
    return shown(line, display_id=True)
