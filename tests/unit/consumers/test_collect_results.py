import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tailrace_consumers.objects.parts import Parts
from tailrace_consumers.outcomes import Outcome
from tailrace_core.answers.shape import ColumnType
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.csv_text.rejects import Reject
from tailrace_core.errors import ContractError, TransientError
from tailrace_core.jobs.model import ChunkState, JobState
from tailrace_core.jobs.ranges import RowRange
from tailrace_core.messages.events import JobFinished, PartReady
from tailrace_core.messages.notifications import Notification
from tailrace_core.objects import keys
from tests.fakes.consumer_ports import BUCKET
from tests.unit.consumers.bench import JOB_ID, Bench, notification

OURS = {"source_columns": ("id", "x"), "sent_columns": (1,), "kept_columns": (0,)}


def test_the_part_holds_one_line_for_each_row_in_order() -> None:
    bench = Bench()
    bench.add_job(**OURS)
    chunk = bench.add_chunk(7, [b"1", b"2"], kept=[b"a", b'"b\n,""c"'])

    assert bench.collect.handle(bench.answer(chunk, b"0.1\n0.2\n")) is Outcome.SCORED
    assert bench.part(chunk.range) == b'a,0.1\n"b\n,""c",0.2\n'


def test_rejected_rows_stand_in_their_places_without_predictions() -> None:
    bench = Bench()
    bench.add_job(**OURS, output_columns=("label", "score"), output_type=ColumnType.TEXT)
    rejects = (Reject(0, "blank", b""), Reject(2, "ragged", b"c,1,2"), Reject(4, "blank", b""))
    chunk = bench.add_chunk(0, [b"1", b"3"], kept=[b"", b"b", b"c", b"d", b""], rejects=rejects)

    bench.collect.handle(bench.answer(chunk, b"x,1\ny,2"))

    assert bench.part(chunk.range) == b",,\nb,x,1\nc,,\nd,y,2\n,,\n"
    assert (bench.job().rows_scored, bench.job().rows_rejected) == (2, 3)


def test_a_line_is_never_empty() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"], rejects=(Reject(0, "blank", b""),))

    bench.collect.handle(bench.answer(chunk, b"5"))

    assert bench.part(chunk.range) == b'""\n5\n'


def test_the_last_chunk_finishes_the_job() -> None:
    bench = Bench()
    bench.add_job()
    chunks = [bench.add_chunk(0, [b"1", b"2"]), bench.add_chunk(2, [b"3"])]
    assert bench.ledger.seal(JOB_ID, 3)

    for chunk in reversed(chunks):
        assert bench.collect.handle(bench.answer(chunk, bench.sent(chunk))) is Outcome.SCORED

    assert bench.job().state is JobState.COMPLETED
    assert bench.result() == b"1\n2\n3\n"
    assert keys.manifest_key(JOB_ID) in bench.store.objects
    assert [type(event) for event in bench.publisher.events] == [PartReady, PartReady, JobFinished]


def test_the_event_carries_small_parts_and_says_where_they_are() -> None:
    bench = Bench()
    bench.add_job(**OURS)
    chunk = bench.add_chunk(0, [b"1"], kept=[b"a"])

    bench.collect.handle(bench.answer(chunk, b"5", receivedTime="2026-01-25T22:46:00.455Z"))

    (event,) = bench.publisher.events
    assert isinstance(event, PartReady)
    assert (event.body, event.size_bytes, event.columns) == ("a,5\n", 4, ("id", "prediction"))
    assert event.location == f"s3://{BUCKET}/{keys.part_key(JOB_ID, chunk.range)}"
    assert (event.received_at, event.rejects_location) == ("2026-01-25T22:46:00.455Z", None)
    settled = bench.chunk(chunk.range)
    assert (settled.part_checksum, settled.part_bytes) == (event.checksum, 4)


@pytest.mark.parametrize("kept", [b"x" * 70_000, b"\xff", b"\x00" * 60_000], ids=["large", "not UTF-8", "escapes"])
def test_a_body_that_an_event_cannot_carry_is_left_out(kept: bytes) -> None:
    bench = Bench()
    bench.add_job(**OURS)
    chunk = bench.add_chunk(0, [b"1"], kept=[kept])

    bench.collect.handle(bench.answer(chunk, b"5"))

    (event,) = bench.publisher.events
    assert isinstance(event, PartReady)
    assert event.body is None
    assert event.size_bytes == len(kept) + 3


def test_the_same_notification_again_changes_nothing() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    bench.ledger.seal(JOB_ID, 2)
    said = bench.answer(chunk, b"1\n2\n")
    bench.collect.handle(said)
    before = (dict(bench.store.objects), bench.job(), list(bench.publisher.events))

    assert bench.collect.handle(said) is Outcome.STALE
    assert (bench.store.objects, bench.job(), bench.publisher.events) == before


def test_a_part_that_stands_there_is_the_truth() -> None:
    """The part's writer died before it settled; another attempt's output differs and is too late."""
    bench = Bench()
    bench.add_job(output_type=ColumnType.TEXT)
    chunk = bench.add_chunk(0, [b"1", b"2"])
    written = Parts(bench.store).write(chunk, [b"first\nanswer\n"], rejected=0)

    assert bench.collect.handle(bench.answer(chunk, b"second\nanswer\n")) is Outcome.SCORED

    (event,) = bench.publisher.events
    assert isinstance(event, PartReady)
    assert (event.body, event.checksum) == ("first\nanswer\n", written.checksum)
    assert bench.chunk(chunk.range).part_checksum == written.checksum


def test_a_large_part_of_another_writer_is_read_for_its_checksum() -> None:
    bench = Bench()
    bench.store.upload_part_bytes = 10
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])
    written = Parts(bench.store).write(chunk, [b"the first answer\n", b"of two\n"], rejected=0)

    bench.collect.handle(bench.answer(chunk, b"1\n2\n"))

    assert bench.chunk(chunk.range).part_checksum == written.checksum


def test_a_success_of_an_earlier_attempt_settles_too() -> None:
    bench = Bench()
    settings = bench.add_job()
    first = bench.add_chunk(0, [b"1"])
    second = bench.composition.attempts.begin(first, tries=2, reason="lost")
    assert second is not None
    bench.composition.attempts.invoke(second, settings)

    assert bench.collect.handle(bench.answer(first, b"1")) is Outcome.SCORED


def test_an_answer_out_of_line_is_a_failure_of_the_chunk() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])

    assert bench.collect.handle(bench.answer(chunk, b"1\n")) is Outcome.SPLIT

    parent = bench.chunk(chunk.range)
    assert (parent.state, parent.reason) == (
        ChunkState.SPLIT,
        "2 rows were sent, the model answered 1 predictions",
    )
    assert keys.part_key(JOB_ID, chunk.range) not in bench.store.objects
    assert not bench.publisher.events


def test_a_bad_answer_of_an_earlier_attempt_is_ignored() -> None:
    bench = Bench()
    bench.add_job()
    first = bench.add_chunk(0, [b"1", b"2"])
    bench.composition.attempts.begin(first, tries=2, reason="lost")

    assert bench.collect.handle(bench.answer(first, b"1\n")) is Outcome.STALE
    assert bench.chunk(first.range).state is ChunkState.OPEN


def test_a_header_that_the_model_scored_is_dropped_and_noted() -> None:
    bench = Bench()
    bench.add_job(header=HeaderPolicy.REPEAT, header_record="x")
    chunk = bench.add_chunk(0, [b"1", b"2"])

    assert bench.collect.handle(bench.answer(chunk, b"nonsense\n1\n2\n")) is Outcome.SCORED
    assert bench.part(chunk.range) == b"1\n2\n"
    assert "scored the header" in (bench.chunk(chunk.range).reason or "")


def test_one_prediction_too_many_without_a_repeated_header_is_a_failure() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])

    assert bench.collect.handle(bench.answer(chunk, b"0\n1\n2\n")) is Outcome.SPLIT


def test_an_output_that_is_not_there_is_asked_for_again() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    said = bench.answer(chunk, b"1")
    bench.store.objects = {key: body for key, body in bench.store.objects.items() if "outputs" not in key}

    with pytest.raises(TransientError, match="announced and does not exist"):
        bench.collect.handle(said)
    assert bench.chunk(chunk.range).state is ChunkState.OPEN


def test_a_notification_may_come_before_the_ledger_knows_the_location() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    begun = bench.composition.attempts.begin(chunk, tries=1, reason="lost")
    assert begun is not None

    with pytest.raises(TransientError, match="neither the notification nor the ledger"):
        bench.collect.handle(notification(begun, "Completed", {}))
    assert bench.collect.handle(bench.answer(begun, b"1")) is Outcome.SCORED


def test_a_notification_without_a_location_is_served_by_the_ledger() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    bench.answer(chunk, b"1")

    assert bench.collect.handle(notification(chunk, "Completed", {})) is Outcome.SCORED


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"eventName": "TestNotification"}, Outcome.TEST),
        ({"inferenceId": "9d1c7b5e-1111-2222-3333-444444444444"}, Outcome.NOT_OURS),
        ({"inferenceId": None}, Outcome.NOT_OURS),
        ({"requestParameters": {"endpointName": "another"}}, Outcome.NOT_OURS),
        ({"invocationStatus": "Failed"}, Outcome.NOT_OURS),
        ({"inferenceId": f"{JOB_ID}.0.2.1"}, Outcome.UNKNOWN_CHUNK),
        ({"inferenceId": "01JD0000000000000000000001.0.1.1"}, Outcome.UNKNOWN_CHUNK),
        ({"responseParameters": {"outputLocation": f"s3://{BUCKET}/v1/outputs/u999.out"}}, Outcome.REFUSED),
    ],
)
def test_what_is_not_ours_is_acknowledged_and_changes_nothing(change: dict[str, Any], outcome: Outcome) -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    bench.answer(chunk, b"1")
    before = (dict(bench.store.objects), bench.job(), bench.chunk(chunk.range))

    assert bench.collect.handle(bench.answer(chunk, b"1", **change)) is outcome
    assert (bench.store.objects, bench.job(), bench.chunk(chunk.range)) == before
    assert not bench.publisher.events


@pytest.mark.parametrize(
    "location",
    [
        "s3://another-bucket/v1/outputs/u1.out",
        f"s3://{BUCKET}/v1/jobs/{JOB_ID}/input/000000000000-1.csv",
        f"s3://{BUCKET}/v1/outputs/../jobs/x.csv",
        "file:///etc/passwd",
    ],
)
def test_nothing_is_read_outside_of_the_outputs(location: str) -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])

    with pytest.raises(ContractError):
        bench.collect.handle(bench.answer(chunk, b"1", responseParameters={"outputLocation": location}))
    assert bench.chunk(chunk.range).state is ChunkState.OPEN


def test_a_closed_job_cancels_what_comes_back_and_finishes() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    bench.ledger.seal(JOB_ID, 1)
    bench.ledger.close(JOB_ID, JobState.CANCELLED, "asked for")

    assert bench.collect.handle(bench.answer(chunk, b"1")) is Outcome.CLOSED
    assert (bench.job().state, bench.job().rows_cancelled) == (JobState.CANCELLED, 1)
    assert keys.part_key(JOB_ID, chunk.range) not in bench.store.objects


def test_a_chunk_settled_by_somebody_who_died_before_looking_still_finishes_the_job() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1"])
    said = bench.answer(chunk, b"1")
    bench.collect.handle(said)
    bench.ledger.seal(JOB_ID, 1)  # and the producer dies here
    assert bench.job().state is JobState.RUNNING

    assert bench.collect.handle(said) is Outcome.STALE
    assert bench.job().state is JobState.COMPLETED


@pytest.mark.parametrize("kept", [[b"a"], [b"a", b"b", b"c"], []])
def test_kept_columns_that_do_not_fit_the_chunk_are_an_alarm_and_not_a_shift(kept: list[bytes]) -> None:
    bench = Bench()
    bench.add_job(**OURS)
    chunk = bench.add_chunk(0, [b"1", b"2"], kept=kept)

    with pytest.raises(ContractError, match=f"holds {len(kept)} records for a chunk of 2 rows"):
        bench.collect.handle(bench.answer(chunk, b"1\n2\n"))
    assert keys.part_key(JOB_ID, chunk.range) not in bench.store.objects


def test_too_many_rejected_rows_fail_the_job_at_its_last_chunk() -> None:
    bench = Bench()
    bench.add_job(max_rejects_percent=40.0)
    chunk = bench.add_chunk(0, [b"1"], rejects=(Reject(1, "blank", b""),))
    bench.ledger.seal(JOB_ID, 2)

    bench.collect.handle(bench.answer(chunk, b"1"))

    assert (bench.job().state, bench.job().rows_scored) == (JobState.FAILED, 1)
    assert "40 % are allowed" in (bench.job().reason or "")


def test_a_chunk_that_was_split_while_its_part_was_written_is_not_published() -> None:
    bench = Bench()
    bench.add_job()
    chunk = bench.add_chunk(0, [b"1", b"2"])

    def split() -> None:
        children = [
            dataclasses.replace(chunk, range=half, attempt=1, invoked=False) for half in chunk.range.split_at(1)
        ]
        bench.ledger.split(chunk, *children)

    assert Interrupted(bench, split)(bench.answer(chunk, b"1\n2\n")) is Outcome.STALE
    assert not bench.publisher.events


class Interrupted:
    """CollectResults, with a call of ``then`` right after it wrote a part."""

    def __init__(self, bench: Bench, then: Callable[[], None]) -> None:
        self._bench = bench
        self._then = then

    def __call__(self, said: Notification) -> Outcome:
        parts = _InterruptedParts(self._bench.store, self._then)
        return dataclasses.replace(self._bench.collect, parts=parts).handle(said)


class _InterruptedParts(Parts):
    def __init__(self, store: Any, then: Callable[[], None]) -> None:
        super().__init__(store)
        self._then = then

    def write(self, *args: Any, **kwargs: Any) -> Any:
        part = super().write(*args, **kwargs)
        self._then()
        return part


def test_ranges_that_touch_are_told_apart() -> None:
    bench = Bench()
    bench.add_job()
    bench.add_chunk(0, [b"1", b"2"])
    other = bench.add_chunk(2, [b"3", b"4"])

    bench.collect.handle(bench.answer(other, b"3\n4\n"))

    assert bench.part(RowRange(2, 2)) == b"3\n4\n"
    assert bench.chunk(RowRange(0, 2)).state is ChunkState.OPEN
