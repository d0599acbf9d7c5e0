"""The blocks of docs/tutorial.md, run in their order as a reader runs them, the console in a real browser."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import controlled_browser
from tests.integration.local.pages import ROOT, blocks, page_shell
from tests.integration.local.polling import eventually
from tests.integration.local.shell import Shell

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

FOLDER = ROOT / ".tailrace" / "tutorial"
SCREENSHOTS = ROOT / ".tailrace" / "screenshots"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shutil.rmtree(FOLDER, ignore_errors=True)
    with page_shell(tmp_path / "state", ROWS="2000") as shell:
        yield shell


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with controlled_browser() as browser:
        yield browser


def test_a_reader_gets_to_the_end(shell: Shell, chromium: Browser) -> None:
    said: dict[str, str] = {}
    for block in blocks("tutorial.md"):
        if block.file:
            (FOLDER / block.file).write_text(block.text)
            continue
        if block.note == "console":
            (command,) = block.commands
            redrive_in_the_console(shell, chromium, command)
            continue
        codes = [int(block.note.removeprefix("exits: "))] if block.note.startswith("exits: ") else [0]
        for command in block.commands:
            ran = shell.run(command)
            assert ran.code in codes, f"{command}: {ran.output[-3000:]}"
            said[command] = ran.output
        if block.note == "parks":
            eventually(lambda: "price service" in shell.run("tailrace parked list").output, what="a parked chunk")

    scored = rows_of("scored.csv")
    assert len(scored) == 502
    assert scored[0] == ["order_id", "prediction"]
    assert [row for row in scored[1:] if not row[1]] == [["500", ""]]
    assert "n/a" in next(text for command, text in said.items() if command.startswith("tailrace rejects"))
    assert rows_of("joined.csv")[0][-1] == "prediction"
    assert [row[:-1] for row in rows_of("joined.csv")] == rows_of("good.csv")
    assert rows_of("sums.csv") == [["id", "prediction"], ["x", "3.0"], ["y", "7.0"], ["z", "5.0"]]
    assert "x,3.0\ny,7.0\nz,5.0" in said["python service.py"]
    assert "completed" in said["python service.py"]
    report = (FOLDER / "report.html").read_text()
    assert "with a bug" in report
    assert "<script" not in report
    shutil.rmtree(FOLDER)


def rows_of(name: str) -> list[list[str]]:
    with (FOLDER / name).open(newline="") as file:
        return list(csv.reader(file))


def redrive_in_the_console(shell: Shell, chromium: Browser, command: str) -> None:
    """Start the console as the page says, redrive what is parked in the browser, and stop it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    environment = json.loads(shell.run("python -c 'import json, os; print(json.dumps({**os.environ}))'").output)
    argv = [*command.split(), "--no-browser"]
    with subprocess.Popen(argv, cwd=FOLDER, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        overdue = threading.Timer(480, process.kill)
        overdue.start()
        try:
            address = process.stdout.readline().strip()
            assert address, f"{command} has printed no address"
            page = chromium.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(120_000)
            page.goto(address)
            page.get_by_text("no connection to the price service").first.wait_for()
            page.screenshot(path=SCREENSHOTS / "tutorial-attention.png")
            page.get_by_role("link", name=re.compile("Redrive")).first.click()
            page.fill("#note", "the price service is back")
            page.fill("#confirm", page.locator("#confirm").get_attribute("data-word") or "")
            page.screenshot(path=SCREENSHOTS / "tutorial-redrive.png")
            page.keyboard.press("Enter")
            page.wait_for_url("**/done/**")
            page.screenshot(path=SCREENSHOTS / "tutorial-done.png")
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 0
        finally:
            overdue.cancel()
            process.kill()
