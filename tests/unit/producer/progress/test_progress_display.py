"""The display that is chosen for an operation's progress."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tailrace.progress import DownloadProgress, silent
from tailrace.progress.notebook import Line, notebook_report
from tailrace.progress.showing import showing


def _moment(rows: int) -> DownloadProgress:
    return DownloadProgress(job_id="j", rows=rows, rows_total=10, size_bytes=rows)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_shown_where_nobody_looks() -> None:
    stderr = io.StringIO()
    with showing(None, stderr=stderr) as report:
        assert report is silent
    assert stderr.getvalue() == ""


def test_nothing_is_shown_on_a_terminal_when_it_is_off() -> None:
    stderr = Terminal()
    with showing(False, stderr=stderr) as report:  # noqa: FBT003 - the option's value
        assert report is silent
    assert stderr.getvalue() == ""


def test_a_callback_gets_the_progress_instead() -> None:
    seen: list[Any] = []
    stderr = Terminal()
    with showing(seen.append, stderr=stderr) as report:
        report(_moment(3))
    assert (seen, stderr.getvalue()) == ([_moment(3)], "")


def test_a_terminal_gets_a_live_line_that_disappears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stderr = Terminal()
    with showing(None, stderr=stderr) as report:
        report(_moment(3))
    text = stderr.getvalue()
    assert "downloading: 3 of 10 rows" in text
    assert text.rstrip().endswith("\x1b[2K")


def test_lines_come_every_few_seconds_when_progress_is_asked_for_without_a_terminal() -> None:
    stderr, clock = io.StringIO(), Clock()
    with showing(True, stderr=stderr, clock=clock) as report:  # noqa: FBT003 - the option's value
        for clock.now in (0, 4.9, 5, 9.9, 10):
            report(_moment(int(clock.now)))
    first, second = stderr.getvalue().splitlines()
    assert (first.startswith("downloading: 5 of 10 rows (5 B)"), first.endswith(" (5 s)")) == (True, True)
    assert (second.startswith("downloading: 10 of 10 rows (10 B)"), second.endswith(" (10 s)")) == (True, True)


def test_a_terminal_without_rich_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each == "rich" or each.startswith("rich.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "tailrace.progress.bars", raising=False)
    monkeypatch.setitem(sys.modules, "rich", None)
    stderr, clock = Terminal(), Clock()
    with showing(None, stderr=stderr, clock=clock) as report:
        clock.now = 6
        report(_moment(5))
    assert stderr.getvalue() == "downloading: 5 of 10 rows (5 B) (6 s)\n"


def test_a_closed_stderr_shows_nothing() -> None:
    stderr = Terminal()
    stderr.close()
    with showing(None, stderr=stderr) as report:
        assert report is silent


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Line]]:
    """A notebook's kernel, as far as it is looked at."""
    shown: list[Line] = []

    def display(line: Line, *, display_id: bool) -> Any:
        assert display_id
        shown.append(line)
        return SimpleNamespace(update=shown.append)

    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    return iter([shown])


def test_a_notebook_gets_one_output_that_is_updated(kernel: Iterator[list[Line]]) -> None:
    clock = Clock()
    with showing(None, stderr=io.StringIO(), clock=clock) as report:
        for clock.now, rows in ((0, 1), (0.1, 2), (0.3, 3), (0.31, 10)):
            report(_moment(rows))
    (shown,) = kernel
    assert [repr(each) for each in shown] == [f"downloading: {rows} of 10 rows ({rows} B)" for rows in (1, 3, 10)]


def test_the_output_of_a_notebook_is_escaped_html() -> None:
    shown: list[Line] = []

    def show(line: Line) -> Any:
        shown.append(line)

    notebook_report(lambda: 0.0, show)(_moment(3))
    assert shown[0]._repr_html_() == '<progress value="3" max="10"></progress> downloading: 3 of 10 rows (3 B)'
    assert Line("<b>", 0, None)._repr_html_() == "<progress></progress> &lt;b&gt;"
