"""Every page in Chromium: accessible in light and dark, within its origin, at 3,000 chunks, and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from tailrace_core.jobs.ranges import RowRange
from tests.integration.console.conftest import SCREENSHOTS
from tests.integration.console.stack import BIG, OPERATOR, SCRIPT, Stack, busy_stack, calm_stack, console

CHUNK = RowRange(1_500 * 333, 333).name
"""The parked chunk whose reason and rows hold a script."""
PAGES = {
    "attention": "/",
    "jobs": "/jobs",
    "job": f"/jobs/{BIG}",
    "chunk": f"/jobs/{BIG}/chunks/{CHUNK}",
    "dead-letters": "/dead-letters",
    "endpoint": "/endpoint",
    "events": "/events",
    "runbook": "/runbook",
    "redrive": f"/redrive?job={BIG}",
    "discard": f"/discard?job={BIG}&range={CHUNK}",
    "edit": f"/edit?job={BIG}&range={CHUNK}",
    "cancel": f"/cancel?job={BIG}",
    "error": "/jobs/nobody",
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@dataclass
class Tab:
    """A tab with the console's session; keeps what the page requested and what its scripts complained of."""

    page: Page
    origin: str
    requested: list[str]
    complaints: list[str]

    def show(self, path: str) -> None:
        self.page.goto(self.origin + path)


@pytest.fixture(scope="module")
def stack() -> Stack:
    return busy_stack(chunks=3_000)


@pytest.fixture(scope="module")
def tab(stack: Stack, chromium: Browser) -> Iterator[Tab]:
    with console(stack.cloud, write=True) as server:
        page = chromium.new_page(viewport={"width": 1_280, "height": 900})
        tab = Tab(page, server.session.origin, [], [])
        page.context.on("request", lambda request: tab.requested.append(request.url))
        page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        page.on("console", lambda message: tab.complaints.append(message.text))
        page.goto(server.session.url)
        yield tab
        page.context.close()


def findings(page: Page, axe: str, *rules: str) -> list[Any]:
    """Return what axe finds by some of its rules, or by all."""
    page.evaluate(axe)
    found: list[Any] = page.evaluate("rules => axe.run(rules.length ? {runOnly: rules} : {})", list(rules))[
        "violations"
    ]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_in_light_and_dark(tab: Tab, axe: str, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    tab.show(PAGES[name])
    tab.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    for scheme in SCHEMES:
        tab.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        # The schemes differ in their colours alone.
        assert findings(tab.page, axe, *(() if scheme == "light" else ("color-contrast",))) == []
        tab.page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png", full_page=name != "runbook")
    assert tab.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_nothing_was_requested_from_elsewhere_and_no_policy_was_broken(tab: Tab) -> None:
    assert {tab.origin + path for path in PAGES.values()} <= set(tab.requested)
    assert {url for url in tab.requested if not url.startswith(f"{tab.origin}/")} == set()
    assert [each for each in tab.complaints if "404 (Not Found)" not in each] == []


@pytest.mark.parametrize("name", ["attention", "jobs", "job", "chunk", "events", "edit"])
def test_a_script_in_a_name_a_reason_or_a_row_is_text(tab: Tab, name: str) -> None:
    tab.show(PAGES[name])
    shown = tab.page.input_value("textarea") if name == "edit" else tab.page.inner_text("main")
    assert SCRIPT in shown
    assert "owned" not in tab.page.title()
    assert tab.page.locator("main script").count() == 0


def test_a_job_is_known_by_its_name_its_sources_and_its_submitter(tab: Tab) -> None:
    tab.show(PAGES["jobs"])
    assert tab.page.locator("tr", has_text=BIG).locator("[title*='autumn']").count() == 1
    tab.show(PAGES["job"])
    shown = tab.page.inner_text("main")
    for text in ("autumn", "s3://sales/2024-11/", "and 6 more", "team=forecasting", OPERATOR):
        assert text in shown


@pytest.mark.parametrize("name", ["attention", "job", "events"])
def test_reasons_begin_with_the_words_of_the_container(tab: Tab, name: str) -> None:
    tab.show(PAGES[name])
    shown = tab.page.inner_text("main")
    assert f"{SCRIPT} (client error 400 from model)" in shown
    assert "Received client error" not in shown


def test_tables_of_the_runbook_are_tables(tab: Tab) -> None:
    tab.show(PAGES["runbook"])
    assert tab.page.locator(".prose table").count() >= 1
    assert "| -- |" not in tab.page.inner_text("main")


def test_a_million_rows_in_three_thousand_chunks_make_a_small_page_whose_counters_add_up(tab: Tab) -> None:
    tab.show(PAGES["job"])
    values = [int(text.replace(",", "")) for text in tab.page.locator(".counter .value").all_inner_texts()]
    assert sum(values[:-1]) == values[-1] == 999_000
    assert 20 < tab.page.locator(".strip rect").count() < 200
    assert tab.page.locator(".strip rect.parked").count() == 2
    assert len(tab.page.content()) < 200_000
    assert tab.page.locator("figure canvas").count() == 1
    tab.page.fill("#find", "499,600")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url(f"**/chunks/{CHUNK}")


def test_a_live_page_changes_without_being_loaded_again(tab: Tab, stack: Stack) -> None:
    tab.show("/dead-letters")
    stack.cloud.client("sqs").send_message(QueueUrl="retries-dead", MessageBody="{}")
    stack.cloud.clock.advance(60)
    tab.page.locator("tr", has_text="retries").locator("td.alert", has_text="1").wait_for()


def test_keys_lead_to_the_pages_and_through_the_rows(tab: Tab) -> None:
    tab.show("/")
    tab.page.keyboard.type("gj")
    tab.page.wait_for_url("**/jobs")
    tab.page.keyboard.press("j")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url(f"**/jobs/{BIG}")
    tab.page.keyboard.press("?")
    tab.page.locator("#keys").wait_for()
    tab.page.keyboard.press("Escape")
    tab.page.locator("#keys").wait_for(state="hidden")


def test_a_stack_on_which_nothing_happened_says_so(chromium: Browser, axe: str) -> None:
    with console(calm_stack().cloud) as server:
        page = chromium.new_page()
        page.goto(server.session.url)
        assert "Nothing needs you." in page.inner_text("main")
        assert "read-only" in page.inner_text("header")
        page.screenshot(path=SCREENSHOTS / "attention-calm.png")
        for path in ("/", "/jobs", "/events"):
            page.goto(server.session.origin + path)
            assert findings(page, axe) == []
        page.context.close()
