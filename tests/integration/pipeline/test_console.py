"""The console on the deployed cloud: chunks redriven by keyboard and by two tabs at once, nothing received."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tailrace import Tailrace
from tailrace_core.jobs.model import Chunk, JobState
from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tailrace_local.demo.demand import COLUMNS
from tailrace_local.testing import RunningCloud
from tests.browser import controlled_browser
from tests.integration.local.polling import eventually
from tests.integration.pipeline.demand_rows import csv_bytes, demand_rows

pytestmark = pytest.mark.cloud

UNREADABLE = {"sagemaker": {"rules": [{"do": {"kind": "fail_download"}}]}}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with controlled_browser() as browser:
        yield browser


@contextmanager
def console(cloud: RunningCloud) -> Iterator[str]:
    """Run the command; yield the address that it prints."""
    program = Path(sys.executable).with_name("tailrace")
    command = [str(program), "console", "--stack", cloud.facts.stack, "--no-browser", "--write"]
    environment = {**os.environ, **cloud.environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def parked_job(client: Tailrace, admin: FaultAdmin) -> str:
    """Create a job of two chunks, both parked."""
    admin.set(CloudFaultPlan.read(json.dumps(UNREADABLE)))
    job = client.submit(csv_bytes(demand_rows(40, seed=3), header=COLUMNS), chunk_rows=20, progress=False)
    eventually(lambda: client.status(job.job_id).times_parked == 2, what="two parked chunks")
    admin.clear()
    return str(job.job_id)


def prepare(page: Page, address: str, note: str) -> None:
    page.goto(address)
    page.fill("#note", note)
    page.fill("#confirm", "redrive 1")


def by_keyboard(page: Page, *steps: tuple[str, str]) -> None:
    """Press Tab until the focus is on each text or id, and type there."""
    for wanted, typed in steps:
        for _ in range(80):
            page.keyboard.press("Tab")
            if wanted in page.evaluate("[document.activeElement.textContent.trim(), document.activeElement.id]"):
                break
        else:
            raise AssertionError(f"Tab does not lead to {wanted!r}")
        page.keyboard.type(typed)


def chunks(client: Tailrace, job_id: str) -> list[Chunk]:
    return sorted(client.chunks(job_id), key=lambda chunk: chunk.range)


def notes(chunk: Chunk) -> list[str]:
    return [entry.note or "" for entry in chunk.history if entry.who]


def test_chunks_are_redriven_by_two_tabs_at_once_and_by_keyboard_alone(cloud: RunningCloud, chromium: Browser) -> None:
    sqs, queue = cloud.client("sqs"), cloud.outputs["ParkedQueue"]
    with (
        Tailrace(cloud.facts.stack, session=cloud.session(), endpoint_url=cloud.endpoint_url) as client,
        console(cloud) as address,
    ):
        job_id = parked_job(client, FaultAdmin(cloud.own_url, cloud.token))
        context = chromium.new_context()
        context.set_default_timeout(30_000)
        one, other = context.new_page(), context.new_page()
        one.goto(address)
        origin = address.partition("/?")[0]
        one.get_by_text("2 chunks").first.wait_for()

        for page, note in ((one, "first tab"), (other, "second tab")):
            prepare(page, f"{origin}/redrive?job={job_id}&range=000000000000-20", note)
        for page in (one, other):
            page.keyboard.press("Enter")
        for page in (one, other):
            page.wait_for_url("**/done/**")
            assert "1 chunk was redriven." in page.inner_text("main")

        # An act on a job that is over would not be recorded, and the other chunk may end it.
        eventually(lambda: len(notes(chunks(client, job_id)[0])) == 2, what="both acts in the history")

        one.goto(f"{origin}/jobs/{job_id}")
        by_keyboard(one, ("000000000020-20", "\n"))
        one.wait_for_url("**/chunks/000000000020-20")
        by_keyboard(one, ("Redrive…", "\n"))
        one.wait_for_url("**/redrive?**")
        by_keyboard(one, ("note", "by keyboard"), ("confirm", "redrive 1\n"))
        one.wait_for_url("**/done/**")

        assert client.wait(job_id, timeout_s=120).state is JobState.COMPLETED
        twice, once = chunks(client, job_id)
        assert (twice.attempt, once.attempt) == (2, 2)
        assert sorted(notes(twice)) == ["first tab", "second tab"]
        assert len({entry.what for entry in twice.history if entry.who}) == 2
        assert notes(once) == ["by keyboard"]

        one.goto(f"{origin}/jobs/{job_id}/chunks/000000000000-20")
        shown = one.inner_text("main")
        assert "first tab" in shown
        assert "second tab" in shown
        assert re.search(r"arn:aws:\S+", shown)
        context.close()

    found = sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0, AttributeNames=["ApproximateReceiveCount"]
    )
    assert {each["Attributes"]["ApproximateReceiveCount"] for each in found["Messages"]} == {"1"}
    sqs.purge_queue(QueueUrl=queue)
