"""A person redrives, corrects or discards what is parked, or redrives dead letters, and dies at any call or two: done
again, the end is the same."""

from __future__ import annotations

import pytest

from tailrace.operations.parked import ParkedChunkId, ParkedStatus
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import ChunkState, JobState
from tests.faults.checker import check
from tests.faults.dataset import Dataset
from tests.faults.injection import Fault, Schedule, kinds_of
from tests.faults.memory_aws import cloud as names
from tests.faults.pairs import pair_share, sweep_pairs
from tests.faults.parked_world import parked_world
from tests.faults.person import OPERATOR, SEVERAL, SINGLE
from tests.faults.world import World

_GOOD = Dataset.of(b"1", b"2", b"3")


@pytest.mark.parametrize("name", SEVERAL)
def test_what_a_person_does_is_done_once_whatever_happens_at_one_of_their_calls(name: str) -> None:
    case, clean = SEVERAL[name], Schedule(role=OPERATOR)
    case.run(clean)
    faults = [Fault(at, kind) for at, call in enumerate(clean.calls) for kind in kinds_of(call)]
    broken: list[str] = []
    for fault in faults:
        try:
            case.run(Schedule((fault,), OPERATOR))
        except AssertionError as exc:
            broken.append(f"{fault} at {clean.calls[fault.at]}: {exc}")
    assert not broken, f"{len(broken)} of {len(faults)}:\n" + "\n".join(broken[:10])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SINGLE)
def test_what_a_person_does_is_done_once_whatever_happens_at_two_of_their_calls(name: str) -> None:
    swept = sweep_pairs(SINGLE[name].run, OPERATOR, share=pair_share())
    assert swept.tried
    assert not swept.broken, f"{len(swept.broken)} of {swept.tried}:\n" + "\n".join(swept.broken[:8])


def test_two_people_who_redrive_at_once_make_one_attempt() -> None:
    world, job_id, chunks = parked_world(_GOOD, Schedule())
    world.endpoint.down = False
    names_ = [ParkedChunkId(job_id, each.range) for each in chunks]
    for _ in range(2):
        _, client = world.producer(OPERATOR)
        client.operations.redriving.redrive(names_[0])
    world.pump()
    _, client = world.producer(OPERATOR)
    with pytest.raises(InputError, match="does not need a person"):
        client.operations.redriving.redrive(names_[0])
    found = world.ledger.chunk(job_id, chunks[0].range)
    assert found is not None
    assert (found.state, found.redrives, found.attempt) == (ChunkState.SCORED, 1, chunks[0].attempt + 1)


def test_what_was_redriven_three_times_needs_force() -> None:
    world, job_id, chunks = parked_world(_GOOD, Schedule())
    name = ParkedChunkId(job_id, chunks[0].range)
    _, client = world.producer(OPERATOR)
    for count in range(1, 4):
        client.operations.redriving.redrive(name, note="tried again")
        _park_again(world, name)
        found = world.ledger.chunk(job_id, name.range)
        assert found is not None
        assert found.redrives == count
    with pytest.raises(InputError, match="redriven 3 times already"):
        client.operations.redriving.redrive(name)
    left = [each for each in client.operations.redriving.redrive_all(confirmed=True).chunks if each.action == "left"]
    assert [each.parked.range for each in left] == [name.range]
    client.operations.redriving.redrive(name, force=True)


def _park_again(world: World, name: ParkedChunkId) -> None:
    for _ in range(200):
        world.pump()
        found = world.ledger.chunk(name.job_id, name.range)
        if found is not None and found.parked:
            return
        world.wait()
    raise AssertionError("the chunk is not parked again")


def test_listing_keeps_nothing_from_others_and_names_what_is_stale() -> None:
    world, job_id, chunks = parked_world(_GOOD, Schedule())
    _, client = world.producer(OPERATOR)
    first = client.operations.parked.list()
    assert [(each.range, each.status) for each in first.chunks] == [
        (each.range, ParkedStatus.PARKED) for each in chunks
    ]
    assert first.complete
    assert all(each.visible_at <= world.cloud.clock() for each in world.cloud.queue(names.PARKED).messages.values())
    client.cancel(job_id)
    assert world.job(job_id).state is JobState.CANCELLED
    assert {each.status for each in client.operations.parked.list().chunks} == {ParkedStatus.SETTLED}
    assert client.operations.parked.list(job_id).chunks == ()


def test_a_message_that_was_lost_is_made_up_for_by_the_ledger() -> None:
    world, job_id, chunks = parked_world(_GOOD, Schedule())
    world.cloud.queue(names.PARKED).messages.clear()
    world.endpoint.down = False
    _, client = world.producer(OPERATOR)
    assert [each.range for each in client.operations.parked.list(job_id).chunks] == [each.range for each in chunks]
    assert len(list(client.operations.redriving.redrive_all(job_id, confirmed=True).chunks)) == len(chunks)
    world.drain()
    check(world, job_id, _GOOD)


def test_without_a_yes_nothing_is_sent_and_nothing_deleted() -> None:
    world, _, chunks = parked_world(_GOOD, Schedule())
    _, client = world.producer(OPERATOR)
    shown = list(client.operations.redriving.redrive_all().chunks)
    assert [each.parked.range for each in shown] == [each.range for each in chunks]
    assert len(world.cloud.queue(names.PARKED).messages) == len(chunks)
    assert not world.cloud.queue(names.RETRIES).messages


def test_a_chunk_is_shown_with_its_rows_and_what_the_container_said() -> None:
    world, job_id, chunks = parked_world(_GOOD, Schedule())
    _, client = world.producer(OPERATOR)
    details = client.operations.parked.details(ParkedChunkId(job_id, chunks[0].range))
    assert details.first_rows == "1\n2"
    assert details.failure == "no worker"
    assert details.parked.event is not None
    assert "redrive" in details.parked.event.advice
    world.cloud.s3.objects.clear()
    details = client.operations.parked.details(ParkedChunkId(job_id, chunks[0].range))
    assert (details.first_rows, details.failure) == (None, None)


def test_nothing_is_redriven_past_the_deadline() -> None:
    world, job_id, chunks = parked_world(_GOOD, Schedule())
    world.cloud.clock.advance(86_400)
    _, client = world.producer(OPERATOR)
    with pytest.raises(InputError, match="deadline"):
        client.operations.redriving.redrive(ParkedChunkId(job_id, chunks[0].range))
