"""Operator commands that die at any call, or at any two: repeated, they lead to the same end.

The commands redrive, correct or discard parked chunks, or redrive dead letters.
"""

from __future__ import annotations

import pytest

from tailrace.operations.parked import ParkedChunkId, ParkedStatus
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import Chunk, ChunkState, JobState
from tailrace_core.submission.options import SubmitOptions
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.injection import Fault, Schedule, fault_kinds_of
from tests.faults.memory_aws import cloud as names
from tests.faults.operator_cases import OPERATOR, SEVERAL, SINGLE
from tests.faults.pairs import pair_share, sweep_pairs
from tests.faults.parked_simulation import parked_simulation
from tests.faults.simulation import Simulation

FIRST_BACKOFF_S = 5.0
_GOOD = Dataset.of(b"1", b"2", b"3")


@pytest.mark.parametrize("name", SEVERAL)
def test_an_operator_command_acts_once_despite_a_fault_at_any_of_its_calls(name: str) -> None:
    case, clean = SEVERAL[name], Schedule(role=OPERATOR)
    case.run(clean)
    faults = [Fault(at, kind) for at, call in enumerate(clean.calls) for kind in fault_kinds_of(call)]
    broken: list[str] = []
    for fault in faults:
        try:
            case.run(Schedule((fault,), OPERATOR))
        except AssertionError as exc:
            broken.append(f"{fault} at {clean.calls[fault.at]}: {exc}")
    assert not broken, f"{len(broken)} of {len(faults)}:\n" + "\n".join(broken[:10])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SINGLE)
def test_an_operator_command_acts_once_despite_faults_at_any_two_of_its_calls(name: str) -> None:
    swept = sweep_pairs(SINGLE[name].run, OPERATOR, share=pair_share())
    assert swept.tried
    assert not swept.broken, f"{len(swept.broken)} of {swept.tried}:\n" + "\n".join(swept.broken[:8])


def test_two_operators_who_redrive_at_once_make_one_attempt() -> None:
    sim, job_id, chunks = parked_simulation(_GOOD, Schedule())
    sim.endpoint.down = False
    names_ = [ParkedChunkId(job_id, each.range) for each in chunks]
    for _ in range(2):
        _, client = sim.producer(OPERATOR)
        client.operations.redriving.redrive(names_[0])
    sim.pump()
    _, client = sim.producer(OPERATOR)
    with pytest.raises(InputError, match="does not need a person"):
        client.operations.redriving.redrive(names_[0])
    found = sim.ledger.chunk(job_id, chunks[0].range)
    assert found is not None
    assert (found.state, found.redrives, found.attempt) == (ChunkState.SCORED, 1, chunks[0].attempt + 1)


def test_what_was_redriven_three_times_needs_force() -> None:
    sim, job_id, chunks = parked_simulation(_GOOD, Schedule())
    name = ParkedChunkId(job_id, chunks[0].range)
    _, client = sim.producer(OPERATOR)
    for count in range(1, 4):
        client.operations.redriving.redrive(name, note="tried again")
        _park_again(sim, name)
        found = sim.ledger.chunk(job_id, name.range)
        assert found is not None
        assert found.redrives == count
    with pytest.raises(InputError, match="redriven 3 times already"):
        client.operations.redriving.redrive(name)
    left = [each for each in client.operations.redriving.redrive_all(confirmed=True).chunks if each.action == "left"]
    assert [each.parked.range for each in left] == [name.range]
    client.operations.redriving.redrive(name, force=True)


def _park_again(sim: Simulation, name: ParkedChunkId) -> None:
    for _ in range(200):
        sim.pump()
        found = sim.ledger.chunk(name.job_id, name.range)
        if found is not None and found.parked:
            return
        sim.wait()
    raise AssertionError("the chunk is not parked again")


def test_listing_keeps_nothing_from_others_and_names_what_is_stale() -> None:
    sim, job_id, chunks = parked_simulation(_GOOD, Schedule())
    _, client = sim.producer(OPERATOR)
    first = client.operations.parked.list()
    assert [(each.range, each.status) for each in first.chunks] == [
        (each.range, ParkedStatus.PARKED) for each in chunks
    ]
    assert first.complete
    assert all(each.visible_at <= sim.cloud.clock() for each in sim.cloud.queue(names.PARKED).messages.values())
    client.cancel(job_id)
    assert sim.job(job_id).state is JobState.CANCELLED
    assert {each.status for each in client.operations.parked.list().chunks} == {ParkedStatus.SETTLED}
    assert client.operations.parked.list(job_id).chunks == ()


def test_a_message_that_was_lost_is_made_up_for_by_the_ledger() -> None:
    sim, job_id, chunks = parked_simulation(_GOOD, Schedule())
    sim.cloud.queue(names.PARKED).messages.clear()
    sim.endpoint.down = False
    _, client = sim.producer(OPERATOR)
    assert [each.range for each in client.operations.parked.list(job_id).chunks] == [each.range for each in chunks]
    assert len(list(client.operations.redriving.redrive_all(job_id, confirmed=True).chunks)) == len(chunks)
    sim.drain()
    check(sim, job_id, _GOOD)


def test_without_a_yes_nothing_is_sent_and_nothing_deleted() -> None:
    sim, _, chunks = parked_simulation(_GOOD, Schedule())
    _, client = sim.producer(OPERATOR)
    shown = list(client.operations.redriving.redrive_all().chunks)
    assert [each.parked.range for each in shown] == [each.range for each in chunks]
    assert len(sim.cloud.queue(names.PARKED).messages) == len(chunks)
    assert not sim.cloud.queue(names.RETRIES).messages


def test_a_chunk_is_shown_with_its_rows_and_what_the_container_said() -> None:
    sim, job_id, chunks = parked_simulation(_GOOD, Schedule())
    _, client = sim.producer(OPERATOR)
    details = client.operations.parked.details(ParkedChunkId(job_id, chunks[0].range))
    assert details.first_rows == "1\n2"
    assert details.failure == "no worker"
    assert details.parked.event is not None
    assert "redrive" in details.parked.event.advice
    sim.cloud.s3.objects.clear()
    details = client.operations.parked.details(ParkedChunkId(job_id, chunks[0].range))
    assert (details.first_rows, details.failure) == (None, None)


def test_nothing_is_redriven_past_the_deadline() -> None:
    sim, job_id, chunks = parked_simulation(_GOOD, Schedule())
    sim.cloud.clock.advance(86_400)
    _, client = sim.producer(OPERATOR)
    with pytest.raises(InputError, match="deadline"):
        client.operations.redriving.redrive(ParkedChunkId(job_id, chunks[0].range))


def _failing_redriven(sim: Simulation, name: ParkedChunkId) -> Chunk:
    """Redrive a parked chunk while the endpoint is down, until its next attempt is queued."""
    _, client = sim.producer(OPERATOR)
    client.operations.redriving.redrive(name)
    sim.pump()
    found = sim.ledger.chunk(name.job_id, name.range)
    assert found is not None
    assert found.retry is not None
    return found


def test_backoff_begins_anew_with_a_redrive() -> None:
    sim, job_id, chunks = parked_simulation(_GOOD, Schedule())
    name = ParkedChunkId(job_id, chunks[0].range)
    for redrives in range(1, 4):
        found = _failing_redriven(sim, name)
        assert found.retry is not None
        assert (found.tries, found.retry.tries, found.redrives) == (1, 2, redrives)
        assert found.attempts_since_redrive == 1
        assert found.retry.at - sim.cloud.clock() <= FIRST_BACKOFF_S
        _park_again(sim, name)


def test_a_queued_attempt_that_is_hurried_is_made_once() -> None:
    sim, job_id, chunks = parked_simulation(_GOOD, Schedule())
    name = ParkedChunkId(job_id, chunks[0].range)
    queued = _failing_redriven(sim, name)
    sim.endpoint.down = False
    _, client = sim.producer(OPERATOR)
    for _ in range(2):
        assert client.operations.redriving.hurry(name).action == "hurried"
    before = sim.cloud.clock()
    sim.pump()
    found = sim.ledger.chunk(job_id, name.range)
    assert found is not None
    assert (found.state, found.attempt, sim.cloud.clock()) == (ChunkState.SCORED, queued.attempt + 1, before)
    with pytest.raises(InputError, match="has no attempt that waits"):
        client.operations.redriving.hurry(name)
    sim.operator = True
    sim.drain()
    check(sim, job_id, _GOOD)
    made = [each.inference_id for each in sim.endpoint.accepted if each.inference_id == str(found.inference_id)]
    assert len(made) == 1, "the later message of the same attempt did nothing"


def test_all_queued_attempts_of_a_job_are_hurried_held_ones_too() -> None:
    sim = Simulation(Schedule(), operator=False)
    sim.endpoint.down = True
    job_id = sim.submit(_GOOD.text, SubmitOptions(keep="id", chunk_rows=3, max_attempts=1))
    assert job_id is not None
    sim.pump()
    sim.endpoint.down = False
    _, client = sim.producer(OPERATOR)
    assert [each.detail for each in client.operations.redriving.hurry_all(job_id)] == ["only shown"] * 2
    assert len(list(client.operations.redriving.hurry_all(job_id, confirmed=True))) == 2
    before = sim.cloud.clock()
    sim.pump()
    assert (sim.job(job_id).state, sim.cloud.clock()) == (JobState.COMPLETED, before)
    sim.drain()
    check(sim, job_id, _GOOD)
