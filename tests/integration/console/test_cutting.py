"""The page of a job whose input the stack's functions cut: the phase, in the words of `tailrace status`."""

from __future__ import annotations

from typing import Any
from urllib.request import HTTPCookieProcessor, build_opener

from tailrace_core.jobs.model import Job, JobState
from tests.integration.console.stack import Stack, console

JOB = "01KB4J00000000000000REM0TE"
MACHINE = "arn:aws:states:memory-1:123456789012:stateMachine:demo-cutting"


class Counting:
    """Step Functions with one execution, whose Map has counted 3 of 8 runs of stripes."""

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803 - boto3's names
        assert executionArn == f"{MACHINE.replace(':stateMachine:', ':execution:')}:{JOB}"
        return {"executionArn": executionArn, "status": "RUNNING"}

    def list_map_runs(self, executionArn: str) -> Any:  # noqa: N803 - as above
        return {"mapRuns": [{"mapRunArn": f"{executionArn.replace(':execution:', ':mapRun:')}/Count:1"}]}

    def describe_map_run(self, mapRunArn: str) -> Any:  # noqa: N803 - as above
        assert mapRunArn.endswith("/Count:1")
        return {"status": "RUNNING", "itemCounts": {"succeeded": 3, "total": 8}}


def test_the_page_of_a_remote_job_shows_how_far_its_input_is_cut() -> None:
    stack = Stack()
    stack.cloud.outputs["CuttingStateMachine"] = MACHINE
    stack.cloud.add_service("stepfunctions", Counting())
    stack.job(Job(job_id=JOB, state=JobState.SUBMITTING, created_at=stack.now - 9, deadline_at=stack.now + 900))
    with console(stack.cloud) as server:
        program = build_opener(HTTPCookieProcessor())
        program.open(server.session.url, timeout=30).close()
        with program.open(f"http://127.0.0.1:{server.session.port}/jobs/{JOB}", timeout=30) as page:
            text = page.read().decode()
    assert "<dt>Input</dt><dd>counting rows: 3 of 8 runs of stripes</dd>" in text
