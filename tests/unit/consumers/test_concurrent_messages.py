"""Concurrent handling: a message that needs much memory has no effect until it is handled alone."""

from __future__ import annotations

import pytest

from tailrace_consumers.collect_results.handler import CONCURRENT_MAX_BYTES, assemble
from tailrace_consumers.collect_results.service import CollectResults
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.ports import DeferToSerialError
from tailrace_consumers.runtime.deferred_checks import DeferredCompletion
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.jobs.model import ChunkState
from tailrace_core.messages.notifications import Notification
from tailrace_core.objects import keys
from tests.unit.consumers.bench import JOB_ID, Bench

OURS = {"source_columns": ("id", "x"), "sent_columns": (1,), "kept_columns": (0,)}


def beside_others(bench: Bench, max_bytes: int = CONCURRENT_MAX_BYTES) -> CollectResults:
    own = bench.composition.for_message(
        DeferredCompletion(bench.composition.completion).for_message("m"), max_bytes=max_bytes
    )
    return assemble(own, serial=False)


def untouched(bench: Bench, said: Notification, max_bytes: int = CONCURRENT_MAX_BYTES) -> None:
    """Assert that concurrent handling defers the message and changes nothing."""
    before = (dict(bench.store.objects), list(bench.ledger.chunks(JOB_ID)), bench.job())
    with pytest.raises(DeferToSerialError):
        beside_others(bench, max_bytes).handle(said)
    assert before == (bench.store.objects, list(bench.ledger.chunks(JOB_ID)), bench.job())
    effects = (bench.publisher.events, bench.retries.sent, bench.parked.events, bench.meter.recorded)
    assert not any(effects)


def test_what_is_small_and_right_is_done() -> None:
    bench = Bench()
    bench.add_job(**OURS)
    chunk = bench.add_chunk(0, [b"1", b"2"], kept=[b"a", b"b"])
    assert beside_others(bench).handle(bench.answer(chunk, b"0.1\n0.2\n")) is Outcome.SCORED
    assert bench.part(chunk.range) == b"a,0.1\nb,0.2\n"


def test_settings_are_known_to_all_messages_of_a_process() -> None:
    bench = Bench()
    bench.add_job()
    deferred = DeferredCompletion(bench.composition.completion)
    assert (
        bench.composition.for_message(deferred.for_message("m0")).lookup
        is bench.composition.for_message(deferred.for_message("m1")).lookup
    )


@pytest.mark.parametrize("large", ["output", "kept", "rejects"])
def test_a_large_object_is_put_off(large: str) -> None:
    bench = Bench()
    bench.add_job(**OURS)
    rejects = (Reject(2, "r" * 100 if large == "rejects" else "r", b"c,1,2"),)
    kept = [b"a" * (100 if large == "kept" else 1), b"b", b"c"]
    chunk = bench.add_chunk(0, [b"1", b"2"], kept=kept, rejects=rejects)
    said = bench.answer(chunk, b"1" * (100 if large == "output" else 1) + b"\n2\n")
    untouched(bench, said, max_bytes=99)
    assert bench.collect.handle(said) is Outcome.SCORED


@pytest.mark.parametrize("answered", [b"1\n", b"1\n2\n3\n4\n5\n", b"1,1\n2,2\n3,3\n", b"[1,", b"{}"])
def test_an_output_that_does_not_fit_is_put_off(answered: bytes) -> None:
    bench = Bench()
    bench.add_job()
    said = bench.answer(bench.add_chunk(0, [b"1", b"2", b"3"]), answered)
    untouched(bench, said)
    assert bench.collect.handle(said) is Outcome.SPLIT


def test_a_rejection_that_died_half_way_is_put_off() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    said = bench.answer(chunk, b"1\n2\n")
    bench.composition.parts.write(chunk, [b'""\n'], rejected=1)
    untouched(bench, said)
    assert bench.collect.handle(said) is Outcome.REJECTED
    assert bench.chunk(chunk.range).state is ChunkState.REJECTED


def test_a_part_of_another_one_that_is_large_is_put_off() -> None:
    """Its checksum is unknown until it has been read."""
    bench = Bench()
    bench.store.upload_part_bytes = 10
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    said = bench.answer(chunk, b"1\n2\n")
    bench.composition.parts.write(chunk, [b"1" * 200 + b"\n", b"2\n"], rejected=0)
    untouched(bench, said, max_bytes=99)
    assert bench.collect.handle(said) is Outcome.SCORED
    assert bench.part(chunk.range).startswith(b"111")


def test_what_is_no_business_of_ours_needs_nobody_to_be_gone() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    said = bench.answer(chunk, b"1\n")
    assert bench.collect.handle(said) is Outcome.SCORED
    bench.store.objects.pop(f"{keys.OUTPUTS}u1.out")
    assert beside_others(bench).handle(said) is Outcome.STALE
