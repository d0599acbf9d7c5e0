from __future__ import annotations

from tailrace.console.views.happenings import MAX_POINTS, MAX_SHOWN, latest, of_chunk, settled_over_time
from tailrace_core.jobs.history import HistoryEntry, HistoryEvent
from tailrace_core.jobs.model import ChunkState
from tests.unit.producer.console.jobs import CREATED, chunk, job

PARKED = HistoryEntry(at=CREATED + 10, what=HistoryEvent.PARKED, attempt=1, failure="500")
REDRIVEN = HistoryEntry(at=CREATED + 20, what=HistoryEvent.REDRIVEN, attempt=2, who="arn:ada", note="role fixed")


def test_a_chunks_history_and_times_stand_in_the_order_of_time() -> None:
    found = of_chunk(
        chunk(0, 5, state=ChunkState.SCORED, attempt=2, history=(PARKED, REDRIVEN), invoked_at=CREATED + 21,
              settled_at=CREATED + 40)
    )  # fmt: skip
    assert [each.what for each in found] == [
        "parked (attempt 1)",
        "redriven (attempt 2)",
        "attempt 2 invoked",
        "scored",
    ]
    assert [each.kind for each in found] == ["bad", "person", "plain", "good"]
    assert (found[1].who, found[1].detail) == ("arn:ada", "role fixed")


def test_thousands_of_scored_chunks_hide_nothing() -> None:
    quiet = [chunk(5 * n, 5, state=ChunkState.SCORED, settled_at=CREATED + 500 + n) for n in range(3_000)]
    found = latest([job()], [*quiet, chunk(90_000, 5, parked=True, parked_at=CREATED + 10, history=(PARKED,))])
    assert [each.what for each in found] == ["parked (attempt 1)", "submitted"]
    many = [chunk(5 * n, 5, parked=True, history=(PARKED,)) for n in range(3_000)]
    assert len(latest([job()], many)) == MAX_SHOWN


def test_settled_rows_grow_to_their_sum_in_few_points() -> None:
    chunks = [chunk(5 * n, 5, state=ChunkState.SCORED, settled_at=CREATED + n) for n in range(3_000)]
    points = settled_over_time(job(), [*chunks, chunk(15_000, 5)])
    assert len(points) <= MAX_POINTS + 1
    assert points[0] == (CREATED, 0)
    assert points[-1] == (CREATED + 2_999, 15_000)
    assert points == sorted(points)
    assert settled_over_time(job(), [chunk(0, 5)]) == []
