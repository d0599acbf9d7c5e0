"""Rounds of batch transform: what starts, stops and hands over, and what it costs."""

from __future__ import annotations

from collections import Counter

import pytest

from tailrace_core.engines import Engine
from tailrace_core.jobs.model import ChunkState, JobState, OnParked
from tailrace_core.submission.options import SubmitOptions
from tailrace_core.transforms import rounds
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.simulation import Simulation
from tests.faults.transforms import INTERNAL_ERROR, Trouble

GOOD = Dataset.of(b"1", b"2", b"3", b"4")
WITH_A_BAD_ROW = Dataset.of(b"1", b"2", b"poison", b"4", b"5", b"6")


def submitted(data: Dataset, sim: Simulation, **changes: object) -> str:
    options = SubmitOptions(**{"keep": "id", "chunk_rows": 2, "via": Engine.TRANSFORM, **changes})  # type: ignore[arg-type]  # by name
    job_id = sim.submit(data.text, options)
    assert job_id is not None, sim.functions.errors
    return job_id


def test_a_round_is_one_transform_job_over_all_inputs() -> None:
    sim = Simulation()
    job_id = submitted(GOOD, sim)
    sim.drain()
    check(sim, job_id, GOOD)
    assert list(sim.transforms.jobs) == [rounds.transform_job_name(job_id, 0)]
    assert not sim.endpoint.accepted


def test_nothing_starts_before_the_job_is_sealed_and_a_round_starts_once() -> None:
    sim = Simulation()
    sim.transforms.troubles = [Trouble(events=3)]
    submitted(GOOD, sim)
    assert not sim.transforms.jobs
    sim.pump()
    sim.functions.tick()
    sim.pump()
    assert len(sim.transforms.jobs) == 1


def test_a_cancelled_job_stops_its_transform_job() -> None:
    sim = Simulation()
    job_id = submitted(GOOD, sim)
    sim.pump()
    with sim.reader() as client:
        client.cancel(job_id)
    sim.drain()
    assert sim.transforms.stopped == [rounds.transform_job_name(job_id, 0)]
    check(sim, job_id, GOOD, expected=JobState.CANCELLED)


def test_the_open_work_of_a_job_names_its_round_and_transform_job() -> None:
    sim = Simulation()
    job_id = submitted(GOOD, sim)
    sim.pump()
    with sim.reader() as client:
        work = client.open_work(job_id)
        assert (work.round_number, work.transform_job) == (0, rounds.transform_job_name(job_id, 0))
        sim.drain()
        assert client.open_work(job_id).round_number is None


def test_a_job_past_its_deadline_stops_its_transform_job() -> None:
    sim = Simulation()
    job_id = submitted(GOOD, sim, deadline_s=100)
    sim.pump()
    sim.cloud.clock.advance(200)
    sim.functions.tick()
    sim.pump()
    assert sim.transforms.stopped == [rounds.transform_job_name(job_id, 0)]
    sim.drain()
    check(sim, job_id, GOOD, expected=JobState.EXPIRED)


@pytest.mark.parametrize("engine", [Engine.ASYNC, Engine.REALTIME, Engine.SERVERLESS])
def test_few_chunks_that_are_left_over_go_to_the_endpoint(engine: Engine) -> None:
    sim = Simulation()
    sim.functions.rest_engine = engine
    job_id = submitted(WITH_A_BAD_ROW, sim)
    sim.drain()
    check(sim, job_id, WITH_A_BAD_ROW)
    assert len(sim.transforms.jobs) == 1
    inputs = {request.input_key for request in sim.endpoint.accepted}
    assert inputs == {f"{rounds.input_prefix(job_id)}{row:012d}-1.csv" for row in (2, 3)}


@pytest.mark.parametrize("layout", [0, 1, 2])
def test_outputs_are_found_at_each_of_the_documented_keys(layout: int) -> None:
    sim = Simulation()
    sim.transforms.layout = layout
    job_id = submitted(WITH_A_BAD_ROW, sim)
    sim.drain()
    check(sim, job_id, WITH_A_BAD_ROW)


def test_a_lost_event_is_made_up_for_by_the_reconciler() -> None:
    sim = Simulation()
    sim.transforms.troubles = [Trouble(events=0)]
    job_id = submitted(GOOD, sim)
    sim.drain()
    check(sim, job_id, GOOD)
    assert len(sim.transforms.jobs) == 1


def test_a_job_over_the_accounts_limit_waits_and_starts_later() -> None:
    sim = Simulation()
    sim.transforms.troubles = [Trouble(refused=3)]
    job_id = submitted(GOOD, sim)
    sim.drain()
    check(sim, job_id, GOOD)
    assert not sim.job(job_id).times_parked


def test_a_model_that_is_missing_parks_the_chunks_and_a_redrive_makes_a_round() -> None:
    sim = Simulation(operator=False)
    sim.transforms.model_missing = True
    job_id = submitted(GOOD, sim)
    sim.pump()
    assert {(each.parked, each.state) for each in sim.leaves(job_id)} == {(True, ChunkState.OPEN)}
    assert all("Could not find model" in (each.reason or "") for each in sim.leaves(job_id))
    sim.transforms.model_missing = False
    sim.operator = True
    sim.drain()
    check(sim, job_id, GOOD)


def test_a_job_that_does_not_wait_for_an_operator_fails() -> None:
    sim = Simulation()
    sim.transforms.model_missing = True
    job_id = submitted(GOOD, sim, on_parked=OnParked.FAIL)
    sim.drain()
    assert sim.job(job_id).state is JobState.FAILED


def test_chunks_that_a_broken_off_job_did_not_reach_are_neither_split_nor_rejected() -> None:
    sim = Simulation()
    sim.transforms.troubles = [Trouble(reason=INTERNAL_ERROR, after=1)]
    job_id = submitted(GOOD, sim)
    sim.drain()
    check(sim, job_id, GOOD)
    assert [each.range.rows for each in sim.leaves(job_id)] == [2, 2]


def calls_for(rows: int) -> Counter[str]:
    sim = Simulation(check_invariants=False)
    data = Dataset.of(*(b"%d" % row for row in range(rows)))
    submitted(data, sim, chunk_rows=1)
    sim.drain()
    return Counter(sim.schedule.calls)


def test_a_chunk_costs_the_same_however_large_the_job_is() -> None:
    """The calls grow with the chunks, one HEAD and one message each; no object is listed."""
    small, large = calls_for(20), calls_for(40)
    assert large["s3.head_object"] - small["s3.head_object"] == 20
    assert large["sqs.send_message"] - small["sqs.send_message"] == 20
    assert large["sagemaker.create_transform_job"] == 1
    assert not any("list_objects" in each for each in large)
    assert large.total() <= 2 * small.total()
