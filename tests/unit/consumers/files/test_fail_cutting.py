"""FailCutting: the reasons that it states, and the events that it takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tailrace_consumers.adapters.executor import BotocoreExecutor
from tailrace_consumers.files.fail_cutting.handler import handle, handle_failure
from tailrace_consumers.files.fail_cutting.service import FailCutting, reason_of
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.settings import CuttingSettings
from tailrace_core.errors import MessageError
from tailrace_core.jobs.model import Job, JobSettings, JobState
from tailrace_core.ledger.closing import DEADLINE_PASSED
from tailrace_core.messages.executions import decode_execution_end
from tests.faults.memory_aws import cloud as names
from tests.faults.memory_aws.cloud import Cloud
from tests.faults.simulation import Simulation

JOB = "01ARZ3NDEKTSV4RRFFQ69G0001"


def event(status: str = "ABORTED", given: Any = None, **detail: Any) -> str:
    given = {"job_id": JOB, "dry_run": False} if given is None else given
    found = {"name": f"{JOB}-2", "status": status, "input": json.dumps(given), **detail}
    return json.dumps(
        {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": found}
    )


@pytest.fixture
def sim() -> Simulation:
    made = Simulation(check_invariants=False)
    job = Job(job_id=JOB, state=JobState.SUBMITTING, created_at=0.0, deadline_at=1e12, split_budget=10_000)
    assert made.ledger.create_job(job, JobSettings(endpoint_name=names.ENDPOINT))
    return made


def service(cloud: Cloud) -> FailCutting:
    settings = CuttingSettings(bucket=names.BUCKET, ledger_table=names.TABLE, results_topic=names.RESULTS_TOPIC)
    return FailCutting(settings, BotocoreExecutor(cloud.client), now=cloud.clock)


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (json.dumps({"errorType": "InputError", "errorMessage": "s3://b/k ends inside quotes"}), "s3://b/k ends"),
        ("an item failed", "an item failed"),
        ("", "States.Timeout"),
        ("[1]", "[1]"),
    ],
)
def test_a_reason_has_the_words_of_the_function(cause: str, words: str) -> None:
    assert reason_of("States.Timeout", cause).startswith("the input could not be cut: ")
    assert words in reason_of("States.Timeout", cause)


def test_a_failure_that_a_state_caught_ends_the_job_with_its_reason(sim: Simulation) -> None:
    failed = {"job_id": JOB, "dry_run": False, "Error": "InputError", "Cause": '{"errorMessage": "no such object"}'}
    assert handle_failure(failed, service(sim.cloud)) == {}
    job = sim.job(JOB)
    assert (job.state, job.reason) == (JobState.FAILED, "the input could not be cut: no such object")
    handle_failure({**failed, "Cause": "again"}, service(sim.cloud))
    assert sim.job(JOB) == job


def test_a_job_whose_deadline_passed_while_it_was_counted_expires_as_others_do(sim: Simulation) -> None:
    closed = {"job_id": JOB, "dry_run": False, "Error": "JobClosedError", "Cause": '{"errorMessage": "too late"}'}
    handle_failure(closed, service(sim.cloud))
    job = sim.job(JOB)
    assert (job.state, job.reason) == (JobState.EXPIRED, DEADLINE_PASSED)
    handle_failure(closed, service(sim.cloud))
    assert handle(event(), service(sim.cloud)) == (Outcome.STALE, JOB)
    assert sim.job(JOB) == job


def test_a_dry_run_and_an_unknown_job_have_nothing_to_fail(sim: Simulation) -> None:
    failed = {"job_id": JOB, "dry_run": True, "Error": "InputError", "Cause": ""}
    assert handle_failure(failed, service(sim.cloud)) == {}
    handle_failure({**failed, "dry_run": False, "job_id": "01ARZ3NDEKTSV4RRFFQ69G9999"}, service(sim.cloud))
    assert sim.job(JOB).state is JobState.SUBMITTING


def test_an_execution_that_was_stopped_ends_its_job_once(sim: Simulation) -> None:
    made = service(sim.cloud)
    assert handle(event(), made) == (Outcome.CUTTING_FAILED, JOB)
    assert "it was stopped" in str(sim.job(JOB).reason)
    assert handle(event(), made) == (Outcome.STALE, JOB)
    assert handle(event(given={"job_id": JOB, "dry_run": True}), made) == (Outcome.STALE, JOB)


def test_a_job_that_is_cut_whole_is_not_failed(sim: Simulation) -> None:
    assert sim.ledger.seal(JOB, 10)
    assert handle(event("TIMED_OUT"), service(sim.cloud)) == (Outcome.STALE, JOB)
    assert sim.job(JOB).state is JobState.RUNNING


def test_an_event_without_its_input_names_the_job_by_the_execution() -> None:
    end = decode_execution_end(event(input=None))
    assert (end.job_id, end.is_dry_run) == (JOB, False)


@pytest.mark.parametrize("body", ["", "{}", "[]", event().replace("aws.states", "aws.s3")])
def test_what_is_no_such_event_keeps_its_bytes(body: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode_execution_end(body)
    assert caught.value.raw == body.encode()
