"""What an operator changes from the pages: counted, confirmed by typing, and sent once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tailrace.console.server import ConsoleServer
from tailrace_core.jobs.model import Chunk, ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.objects import keys
from tests.faults.memory_aws.cloud import FAILED, PARKED, RETRIES
from tests.integration.console.stack import BIG, HOSTILE, OPERATOR, ROWS, Stack, big_job, console

ROWS_OF_CHUNK = RowRange(50_000, 3)
PATIENCE_MS = 30_000
"""As long as Playwright waits for all but expectations, which have 5 s."""


@pytest.fixture
def stack() -> Stack:
    """Return a stack with three parked chunks: two for one cause, one of them with an input of three rows."""
    made = Stack()
    big_job(made, BIG, 10, rows=10_000)
    made.park(Chunk(job_id=BIG, range=ROWS_OF_CHUNK, due_at=made.now), HOSTILE, made.now - 30)
    return made


@pytest.fixture
def server(stack: Stack) -> Iterator[ConsoleServer]:
    with console(stack.cloud, write=True) as serving:
        yield serving
    receives = [each.receives for each in stack.cloud.queue(PARKED).messages.values()]
    assert receives == [0, 0, 0]


@pytest.fixture
def page(server: ConsoleServer, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(server.session.url)
    yield tab
    context.close()


def sent(stack: Stack, queue: str) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in stack.cloud.queue(queue).messages.values()]


def press_until(page: Page, text: str, key: str = "Tab") -> None:
    """Press a key until the focus is on what has this text."""
    for _ in range(60):
        page.keyboard.press(key)
        if text in page.evaluate("[document.activeElement.textContent.trim(), document.activeElement.id]"):
            return
    raise AssertionError(f"{key} does not lead to {text!r}")


def test_a_chunk_is_redriven_by_keyboard_alone(stack: Stack, page: Page) -> None:
    press_until(page, "000000002000-1000")
    page.keyboard.press("Enter")
    page.wait_for_url("**/chunks/000000002000-1000")
    press_until(page, "Redrive…")
    page.keyboard.press("Enter")
    page.wait_for_url("**/redrive?**")
    press_until(page, "note")
    page.keyboard.type("role may read again")
    press_until(page, "confirm")
    page.keyboard.type("redrive 1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/done/**")
    assert "1 chunk was redriven." in page.inner_text("main")
    (message,) = sent(stack, RETRIES)
    assert (message["first_row"], message["rows"], message["attempt"]) == (2_000, 1_000, 2)
    assert (message["requested_by"], message["note"]) == (OPERATOR, "role may read again")


def test_all_chunks_of_a_cause_are_redriven_after_typing_their_number(stack: Stack, page: Page) -> None:
    page.get_by_role("link", name="Redrive all 2…").click()
    button = page.get_by_role("button", name="Redrive 2 chunks")
    # A click does not wait for the page's script, which takes the button away.
    expect(button).to_be_disabled(timeout=PATIENCE_MS)
    page.fill("#confirm", "redrive 1")
    expect(button).to_be_disabled()
    page.fill("#confirm", "redrive 2")
    button.click()
    page.wait_for_url("**/done/**")
    assert sorted(each["first_row"] for each in sent(stack, RETRIES)) == [5_000, 50_000]


def test_two_tabs_that_redrive_at_once_ask_for_the_same_attempt_and_name_both_notes(
    stack: Stack, server: ConsoleServer, page: Page
) -> None:
    other = page.context.new_page()
    for tab, note in ((page, "one"), (other, "two")):
        tab.goto(f"{server.session.origin}/redrive?job={BIG}&range=000000002000-1000")
        tab.fill("#note", note)
        tab.fill("#confirm", "redrive 1")
    for tab in (page, other):
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/done/**")
    assert [(each["attempt"], each["note"]) for each in sent(stack, RETRIES)] == [(2, "one"), (2, "two")]


@pytest.mark.parametrize(("field", "value"), [("confirm", "yes"), ("count", "2")])
def test_nothing_is_done_unless_the_words_and_the_count_are_right(
    stack: Stack, page: Page, field: str, value: str
) -> None:
    page.goto(page.url + f"discard?job={BIG}&range=000000002000-1000")
    page.fill("#confirm", "discard 1")
    page.evaluate("([name, value]) => { document.querySelector(`[name=${name}]`).value = value }", [field, value])
    page.evaluate("document.querySelector('form.act').submit()")
    page.get_by_role("alert").wait_for()
    assert "Nothing was done." in page.get_by_role("alert").inner_text()
    assert sent(stack, FAILED) == []


def test_corrected_rows_replace_what_was_sent(stack: Stack, page: Page) -> None:
    page.goto(page.url + f"edit?job={BIG}&range={ROWS_OF_CHUNK.name}")
    assert page.input_value("#rows").encode() == ROWS
    page.fill("#rows", "a,1,x\nb,2")
    page.fill("#confirm", "edit 1")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert "holds 2 rows, 3 were sent" in page.get_by_role("alert").inner_text()
    page.fill("#rows", "a,1,x\nb,2,y\nc,3,é\n")
    page.fill("#confirm", "edit 1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/done/**")
    assert stack.cloud.s3.objects[keys.input_key(BIG, ROWS_OF_CHUNK)].body == "a,1,x\nb,2,y\nc,3,é\n".encode()
    (message,) = sent(stack, RETRIES)
    assert "input replaced by" in message["note"]


def test_a_chunk_that_needs_nobody_any_more_is_left_as_it_is(stack: Stack, page: Page) -> None:
    page.get_by_role("link", name="Discard all 2…").click()
    page.fill("#note", "shop closed")
    page.fill("#confirm", "discard 2")
    page.get_by_role("button", name="Discard 2 chunks").click()
    page.wait_for_url("**/done/**")
    assert [each["note"] for each in sent(stack, FAILED)] == ["shop closed"] * 2
    chunk = Chunk(job_id=BIG, range=RowRange(2_000, 1_000), due_at=stack.now)
    page.goto(page.url.partition("/done")[0] + f"/redrive?job={BIG}&range={chunk.range.name}")
    stack.chunk(replace(chunk, state=ChunkState.SCORED))
    page.fill("#confirm", "redrive 1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/done/**")
    assert "settled (scored)" in page.inner_text("main")
    assert sent(stack, RETRIES) == []


def test_a_job_is_cancelled_with_its_reason(stack: Stack, page: Page) -> None:
    page.goto(page.url + f"cancel?job={BIG}")
    page.fill("#note", "wrong file")
    page.fill("#confirm", "cancel")
    page.keyboard.press("Enter")
    page.wait_for_url("**/done/**")
    page.get_by_role("link", name="To the job").click()
    page.get_by_text("wrong file").first.wait_for()
    job = stack.run(stack.ledger.job(BIG))
    assert (job.state, job.outcome, job.reason) == (JobState.CLOSING, JobState.CANCELLED, "wrong file") or (
        job.state is JobState.CANCELLED
    )
