"""Any order and repetition of notifications, with any bad rows, leads to one result."""

from hypothesis import given
from hypothesis import strategies as st

from tailrace_core.csv_text.rejects import Reject
from tailrace_core.jobs.model import ChunkState, Job, JobState
from tailrace_core.jobs.ranges import first_gap
from tailrace_core.messages.notifications import Notification
from tests.unit.consumers.bench import JOB_ID, SERVER_ERROR, Bench

COLUMNS = {"source_columns": ("id", "x"), "sent_columns": (1,), "kept_columns": (0,)}


def expected(rows: int, unsent: set[int], bad: set[int]) -> bytes:
    lines = [f"id{row}," + ("" if row in unsent | bad else f"{row}") + "\n" for row in range(rows)]
    return "".join(lines).encode()


def submit(bench: Bench, sizes: list[int], unsent: set[int]) -> int:
    bench.add_job(**COLUMNS)
    first = 0
    for size in sizes:
        rows = range(first, first + size)
        sent = [row for row in rows if row not in unsent]
        if sent:
            bench.add_chunk(
                first,
                [f"x{row}".encode() for row in sent],
                kept=[f"id{row}".encode() for row in rows],
                rejects=tuple(Reject(row, "blank", f"id{row},".encode()) for row in rows if row in unsent),
            )
            first += size
    assert bench.ledger.seal(JOB_ID, first)
    return first


class Endpoint:
    """An endpoint: a bad row fails its chunk, and a hiccup fails a good one."""

    def __init__(self, bench: Bench, bad: set[int], hiccups: set[int]) -> None:
        self._bench = bench
        self._bad = bad
        self._hiccups = hiccups
        self._done = 0
        self.said: list[Notification] = []

    def work(self) -> None:
        for number in range(self._done, len(self._bench.invoker.invoked)):
            asked = self._bench.invoker.invoked[number]
            chunk = self._bench.chunk(asked.range)
            if chunk.attempt != asked.attempt:
                continue
            rows = [int(record[1:]) for record in self._bench.sent(chunk).split()]
            if number in self._hiccups:
                self.said.append(self._bench.failure(chunk, SERVER_ERROR))
            elif self._bad & set(rows):
                self.said.append(self._bench.failure(chunk))
            else:
                body = b"".join(b"%d\n" % row for row in rows)
                self.said.append(self._bench.answer(chunk, body))
        self._done = len(self._bench.invoker.invoked)


def deliver(bench: Bench, said: Notification) -> None:
    (bench.collect if said.succeeded else bench.failures).handle(said)


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    marks=st.lists(st.sampled_from(["fine", "fine", "fine", "unsent", "bad"]), min_size=24, max_size=24),
    # Three could hit one chunk and use up its attempts.
    hiccups=st.sets(st.integers(0, 12), max_size=2),
    data=st.data(),
)
def test_every_order_and_repetition_ends_in_the_same_result(
    sizes: list[int], marks: list[str], hiccups: set[int], data: st.DataObject
) -> None:
    unsent = {row for row, mark in enumerate(marks) if mark == "unsent"}
    bad = {row for row, mark in enumerate(marks) if mark == "bad"}
    bench = Bench()
    rows = submit(bench, sizes, unsent)
    if not rows:
        return
    endpoint = Endpoint(bench, bad, hiccups)
    endpoint.work()
    history: list[Notification] = []
    for _ in range(500):
        if not endpoint.said and not bench.retries.sent:
            break
        if bench.retries.sent:
            message, _ = bench.retries.sent.pop()
            bench.dispatch.handle(message)
            bench.dispatch.handle(message)
        if endpoint.said:
            said = endpoint.said.pop(data.draw(st.integers(0, len(endpoint.said) - 1)))
            deliver(bench, said)
            history.append(said)
        deliver(bench, data.draw(st.sampled_from(history))) if history else None
        adds_up(bench.job())
        endpoint.work()
    else:
        raise AssertionError("it does not come to an end")

    assert not bench.parked.events or hiccups
    if not bench.parked.events:
        finished(bench, rows, unsent, bad)


def finished(bench: Bench, rows: int, unsent: set[int], bad: set[int]) -> None:
    job = bench.job()
    rejected = (unsent | bad) & set(range(rows))
    assert (job.rows_rejected, job.rows_scored) == (len(rejected), rows - len(rejected))
    some = JobState.COMPLETED_WITH_REJECTS if rejected else JobState.COMPLETED
    assert job.state is (JobState.FAILED if len(rejected) == rows else some)
    assert first_gap((chunk.range for chunk in bench.leaves()), rows) is None
    assert bench.result() == expected(rows, unsent, bad)
    assert [each.row for each in bench.rejects()] == sorted(rejected)
    assert all(each.record == f"id{each.row},".encode() for each in bench.rejects() if each.row in unsent)
    assert all(
        each.record == f"id{each.row},x{each.row}".encode() for each in bench.rejects() if each.row in bad - unsent
    )
    assert not any(chunk.state is ChunkState.OPEN for chunk in bench.leaves())


def adds_up(job: Job) -> None:
    assert job.rows_total is not None
    assert 0 <= job.rows_settled <= job.rows_total
