"""The report of a job: bounded, escaped, the same each time, and of three reads."""

from __future__ import annotations

import dataclasses
import os
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailrace.cli.reports.report_figures import rejected_groups, slowest, strip
from tailrace.cli.reports.report_page import report_page
from tailrace.operations.report_data import ReportData, read_report
from tailrace_core.aws.calls import Call, run
from tailrace_core.errors import InputError
from tailrace_core.jobs.description import JobDescription
from tailrace_core.jobs.history import HistoryEntry, HistoryEvent
from tailrace_core.jobs.model import ChunkState, Job, JobSettings, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.ledger import items
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.messages.manifest import Manifest, ManifestPart
from tests.browser import Browser, controlled_browser, find_browser

JOB = "01HZX3T8Q5W6E7R8T9Y0ABCDEF"
NOW = 1_700_000_000.0
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' \x1b[31m\u202e"
ROOT = Path(__file__).parents[4]
AXE = ROOT / ".tools" / "npm" / "node_modules" / "axe-core" / "axe.min.js"


def part_of(number: int, rows: int = 10, **known: object) -> ManifestPart:
    at = NOW + number % 977
    values: dict[str, object] = {
        "first_row": number * rows,
        "rows": rows,
        "state": ChunkState.SCORED,
        "key": "k",
        "size_bytes": 80,
        "checksum": f"crc32:{number:08x}",
        "attempts": 1,
        "invoked_at": at,
        "received_at": at + 1,
        "completed_at": at + 1.5,
        "settled_at": at + 2,
    }
    return ManifestPart.model_validate({**values, **known})


def data_of(parts: list[ManifestPart], *, text: str = "why", entries: int = 3) -> ReportData:
    total = sum(part.rows for part in parts)
    rejected = sum(part.rejected for part in parts)
    manifest = Manifest(
        job_id=JOB,
        state=JobState.COMPLETED_WITH_REJECTS,
        reason=text,
        endpoint=text,
        created_at=NOW,
        finished_at=NOW + 1_000,
        rows_total=total,
        rows_scored=total - rejected,
        rows_rejected=rejected,
        rows_cancelled=0,
        columns=("id", "prediction"),
        parts=tuple(parts),
    )
    job = Job(
        job_id=JOB,
        state=JobState.COMPLETED_WITH_REJECTS,
        created_at=NOW,
        deadline_at=NOW + 1,
        rows_total=total,
        reason=text,
    )
    entry = HistoryEntry(at=NOW, what=HistoryEvent.REDRIVEN, attempt=2, who=text, note=text, failure=text)
    return ReportData(
        job=job,
        settings=JobSettings(endpoint_name="e"),
        description=JobDescription(
            name=text[:200], tags={"team": text[:250]}, sources=(text,), source_count=3, submitted_by=text
        ),
        manifest=manifest,
        manifest_checksum="crc32:0badcafe",
        history=tuple((RowRange(number, 1), entry) for number in range(entries)),
        chunks_read=entries,
        all_chunks_read=False,
    )


class Tags(HTMLParser):
    """Collects the tags and the attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_a_hundred_thousand_parts_stay_below_two_megabytes() -> None:
    reasons = [
        f"ClientError: Received client error (400) from model. bad cell 'x{number}' {'y' * 900}"
        for number in range(999)
    ]
    parts = [part_of(number, rejected=number % 2, reason=reasons[number % 999]) for number in range(100_000)]
    page = report_page(data_of(parts, text="w" * 2_000, entries=5_000), region="eu-west-1")
    assert len(page.encode()) < 2_000_000


def test_the_same_data_gives_the_same_bytes() -> None:
    data = data_of([part_of(number) for number in range(50)])
    assert report_page(data, region="eu-west-1") == report_page(data, region="eu-west-1")


def test_hostile_text_is_text() -> None:
    parts = [part_of(0, state=ChunkState.REJECTED, rejected=10, reason=HOSTILE, checksum=HOSTILE)]
    page = report_page(data_of(parts, text=HOSTILE), region=HOSTILE)
    found = Tags(page)
    assert not {"script", "img", "a", "link", "iframe", "object"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in {"src", "href"}]
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_page_names_no_other_place() -> None:
    page = report_page(data_of([part_of(0)]), region="eu-west-1")
    assert not re.findall(r"https?://|//\w|@import|url\(", page)
    assert "default-src &#x27;none&#x27;" in page


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30), st.booleans()), min_size=1, max_size=200))
@settings(max_examples=100)
def test_the_strip_holds_each_row_once(shapes: list[tuple[int, int, bool]]) -> None:
    parts, row = [], 0
    for rows, rejected, cancelled in shapes:
        state = ChunkState.CANCELLED if cancelled else ChunkState.SCORED
        known = {"first_row": row, "state": state, "rejected": 0 if cancelled else min(rejected, rows)}
        parts.append(part_of(0, rows=rows, **known))
        row += rows
    cells = strip(parts, row)
    assert [start for start, _, _ in cells] == [0, *(end for _, end, _ in cells[:-1])]
    assert cells[-1][1] == row
    for start, end, states in cells:
        assert abs(sum(states.values()) - (end - start)) <= end - start, "rounded shares of one cell"
        assert all(rows >= 0 for rows in states.values())


def test_the_curve_rises_in_steps_with_the_chunks() -> None:
    page = report_page(data_of([part_of(number) for number in range(4)]), region="eu-west-1")
    found = re.search(r'<polyline class="curve" points="([^"]+)"', page)
    assert found is not None
    points = [tuple(map(float, each.split(","))) for each in found[1].split()]
    assert len(points) == 9
    assert all(here[0] == there[0] or here[1] == there[1] for here, there in pairwise(points))


def test_alike_reasons_are_one_group_with_examples() -> None:
    said = (
        "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs in your account for more "
    )
    said += "information. could not convert 'a{}' to float"
    parts = [part_of(number, rejected=1, reason=said.format(number)) for number in range(5)]
    (group,) = rejected_groups([*parts, part_of(9)])
    assert group.rows == 5
    assert group.cause.startswith("could not convert … to float")
    assert len(group.examples) == 3


def test_the_slowest_come_first_and_parts_without_times_are_left_out() -> None:
    parts = [part_of(0, settled_at=NOW + 50), part_of(1, settled_at=NOW + 90), part_of(2, invoked_at=None)]
    assert [each.part.first_row for each in slowest(parts)] == [10, 0]


def test_a_report_is_made_of_three_reads() -> None:
    data = data_of([part_of(0)])
    calls: list[str] = []

    def execute(call: Call) -> object:
        calls.append(call.operation)
        if call.operation == "get_object":
            return data.manifest.to_json().encode()
        if call.operation == "query":
            return {"Items": []}
        job = items.job_item(dataclasses.replace(data.job, history=()), 1)
        job["rows_total"] = {"N": "10"}
        stored = {"job": JOB, "item": items.SETTINGS, "settings": data.settings.to_json()}
        return {"Responses": {"ledger": [job, items.encode_item(stored)]}}

    found = run(read_report(JOB, DynamoSteps("ledger"), "bucket"), execute)
    assert calls == ["batch_get_item", "get_object", "query"]
    assert found.manifest == data.manifest


def test_a_job_under_way_has_no_report() -> None:
    job = Job(job_id=JOB, state=JobState.RUNNING, created_at=NOW, deadline_at=NOW + 1)
    stored = {"job": JOB, "item": items.SETTINGS, "settings": JobSettings(endpoint_name="e").to_json()}
    answer = {"Responses": {"ledger": [items.job_item(job, 1), items.encode_item(stored)]}}
    with pytest.raises(InputError, match="wait for it first"):
        run(read_report(JOB, DynamoSteps("ledger"), "bucket"), lambda _: answer)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_real_browser(tmp_path: Path, scheme: str) -> None:
    browser = Browser(find_browser(), tmp_path / "profile")
    if not AXE.exists():
        if os.environ.get("CI"):
            pytest.fail("CI needs axe-core, which infra/checks/package.json names")
        pytest.skip("axe-core is not installed: run `make setup`")
    parts = [part_of(number, rejected=number % 3, reason=HOSTILE) for number in range(40)]
    page = report_page(data_of(parts, text=HOSTILE), region="eu-west-1")
    if scheme == "dark":
        page = page.replace("@media (prefers-color-scheme:dark)", "@media all")
    # The page's own policy forbids every script, axe too.
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>\n', "", page)
    check = (
        "axe.run().then(found => {document.body.dataset.checks = found.passes.length;"
        "document.body.dataset.found = JSON.stringify(found.violations.map("
        "each => [each.id, each.nodes.map(node => node.html)]));});"
    )
    path = tmp_path / "report.html"
    path.write_text(page.replace("</body>", f"<script>{AXE.read_text()}</script><script>{check}</script></body>"))
    shown = browser.text(path.as_uri())
    assert re.search(r'data-checks="[1-9]', shown), "axe has not run"
    assert 'data-found="[]"' in shown, re.findall(r'data-found="([^"]*)"', shown)


def test_the_page_opens_from_a_file_without_a_request_or_a_script(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_page(data_of([part_of(0)], text=HOSTILE), region="eu-west-1"))
    asked: list[str] = []
    with controlled_browser() as browser:
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri(), wait_until="networkidle")
        shown = page.content()
    assert asked == [path.as_uri()]
    assert "<svg" in shown
    assert "Every row was settled" in shown
    assert "<script" not in shown
