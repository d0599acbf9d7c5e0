"""Two concurrent processes, interleaved at every pair of their calls: the end is the same.

Of interleavings that differ only in the order of calls that commute, one is run (`commuting`).
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tailrace_consumers.composition import Composition
from tailrace_consumers.reconcile_jobs.handler import assemble
from tailrace_consumers.reconcile_jobs.service import ReconcileJobs
from tailrace_consumers.run_transforms.service import MAX_CHECKS
from tailrace_core.engines import Engine
from tailrace_core.errors import TailraceError
from tailrace_core.jobs.model import JobState
from tailrace_core.messages.events import RetryDue
from tailrace_core.messages.rounds import RoundDue
from tailrace_core.submission.options import SubmitOptions
from tests.faults import model, score_chunks, transforming
from tests.faults.checker import check
from tests.faults.commuting import Interleaving, Trace, run_classes
from tests.faults.dataset import Dataset, Row
from tests.faults.functions import CONSUMERS, Mutation, no_mutation
from tests.faults.injection import Schedule
from tests.faults.interleaving import run_interleaved, take_turns
from tests.faults.memory_aws import cloud as names
from tests.faults.simulation import Simulation
from tests.faults.transforms import DURATION_S

OPTIONS = SubmitOptions(keep="id", chunk_rows=2, job_key="k")
WINDOWED = replace(OPTIONS, chunk_rows=1, window=2)
Action = Callable[[], object]


@dataclass
class Scene:
    """A simulation just before two concurrent actions."""

    sim: Simulation
    job_id: str | None
    data: Dataset
    one: Action
    other: Action
    rejected: Dataset | None = None
    """An alternative correct result."""
    final_states: tuple[JobState, ...] = ()
    """Allowed final states; empty for the one that follows from the dataset."""
    at_once: bool = False
    """True if the job must end without any time passing."""


def start_job(
    data: Dataset,
    options: SubmitOptions = OPTIONS,
    *,
    mutate: Mutation = no_mutation,
    engine: Engine = Engine.ASYNC,
) -> tuple[Simulation, str]:
    sim = Simulation(Schedule(before_call=take_turns), mutate, engine=engine)
    return sim, sim.submit_until_done(data.text, options, meanwhile=False)


def take_messages(sim: Simulation, queue: str) -> list[str]:
    """Remove a queue's messages and return their bodies."""
    messages = sim.cloud.queue(queue).messages
    bodies = [each.body for each in messages.values()]
    messages.clear()
    return bodies


def handle_action(sim: Simulation, role: str, body: str, made: Composition | None = None) -> Action:
    """Build the action of a function that handles a message; an error redelivers the message.

    Actions that share a composition (``made``) are threads of one process.
    """
    made = made or sim.functions.composition(role)[1]
    module = CONSUMERS[role][1]
    deferred = sim.functions.deferred_completion(made)
    service = sim.functions.service(role, made, deferred.for_message(body))

    def again(exc: Exception) -> None:
        if not isinstance(exc, TailraceError):
            raise exc
        sim.cloud.sqs.send_message(QueueUrl=CONSUMERS[role][0], MessageBody=body, DelaySeconds=60)

    def act() -> None:
        try:
            module.handle(body, service)
        except TailraceError as exc:
            again(exc)
        deferred.flush(again)

    return act


def message_twice(data: Dataset, queue: str, role: str, *, in_a_batch: bool = False) -> Scene:
    """Build a scene in which two handlers get the same message about the first chunk."""
    sim, job_id = start_job(data)
    sim.endpoint.process()
    (body,) = take_messages(sim, queue)
    made = sim.functions.composition(role)[1] if in_a_batch else None
    one, other = (handle_action(sim, role, body, made) for _ in range(2))
    return Scene(sim, job_id, data, one, other)


def same_success_twice() -> Scene:
    return message_twice(Dataset.of(b"1", b"2"), names.SUCCEEDED, "collect_results")


def same_success_twice_in_a_batch() -> Scene:
    return message_twice(Dataset.of(b"1", b"2"), names.SUCCEEDED, "collect_results", in_a_batch=True)


def same_failure_twice() -> Scene:
    return message_twice(Dataset.of(b"1", b"poison"), names.FAILED, "handle_failures")


def same_rejection_twice() -> Scene:
    return message_twice(Dataset.of(b"poison"), names.FAILED, "handle_failures")


def same_request_twice() -> Scene:
    """SQS may deliver a request to ScoreChunks twice."""
    data = Dataset.of(b"1", b"2")
    sim, job_id = start_job(data, engine=Engine.REALTIME)
    (body,) = take_messages(sim, names.SCORING)
    one, other = (handle_action(sim, score_chunks.ROLE, body) for _ in range(2))
    return Scene(sim, job_id, data, one, other)


def request_again_and_success() -> Scene:
    """ScoreChunks overwrites its answer while CollectResults handles the notification of the first."""
    data = Dataset.of(b"1", b"2")
    sim, job_id = start_job(data, engine=Engine.REALTIME)
    (request,) = take_messages(sim, names.SCORING)
    handle_action(sim, score_chunks.ROLE, request)()
    (body,) = take_messages(sim, names.SUCCEEDED)
    one = handle_action(sim, score_chunks.ROLE, request)
    return Scene(sim, job_id, data, one, handle_action(sim, "collect_results", body))


def two_looks_at_a_sealed_job() -> Scene:
    """Both close the first round and create its transform job."""
    data = Dataset.of(b"1", b"2")
    sim, job_id = start_job(data, engine=Engine.TRANSFORM)
    (body,) = take_messages(sim, names.TRANSFORMS)
    one, other = (handle_action(sim, transforming.ROLE, body) for _ in range(2))
    return Scene(sim, job_id, data, one, other)


def look_and_chunk_that_joins() -> Scene:
    """A chunk joins a round while it is closed and its inputs are listed."""
    data = Dataset.of(b"1", b"flaky", b"flaky", b"4")
    sim, job_id = start_job(data, engine=Engine.TRANSFORM)
    sim.functions.deliver(transforming.ROLE)
    sim.cloud.clock.advance(DURATION_S)
    sim.transforms.process()
    sim.functions.deliver(transforming.ROLE)
    sim.functions.deliver("handle_failures")
    first, second = take_messages(sim, names.RETRIES)
    handle_action(sim, "dispatch_retries", first)()
    take_messages(sim, names.TRANSFORMS)
    look = RoundDue(job_id=job_id, checks=MAX_CHECKS).to_json()
    one = handle_action(sim, transforming.ROLE, look)
    return Scene(sim, job_id, data, one, handle_action(sim, "dispatch_retries", second))


def second_attempt(sim: Simulation, job_id: str) -> None:
    """Invoke the first chunk again, like after a lost answer."""
    (chunk,) = sim.leaves(job_id)
    due = RetryDue(
        job_id=job_id, first_row=chunk.range.first_row, rows=chunk.range.rows, attempt=2, tries=1, reason="late"
    )
    sim.cloud.sqs.send_message(QueueUrl=names.RETRIES, MessageBody=due.to_json())
    sim.functions.deliver("dispatch_retries")


def successes_of_two_attempts() -> Scene:
    data = Dataset.of(b"1", b"2")
    sim, job_id = start_job(data)
    second_attempt(sim, job_id)
    sim.endpoint.process()
    sim.endpoint.process()
    first, second = (handle_action(sim, "collect_results", body) for body in take_messages(sim, names.SUCCEEDED))
    return Scene(sim, job_id, data, first, second)


def success_and_failure_of_two_attempts() -> Scene:
    data = Dataset.of(b"1", b"2")
    sim, job_id = start_job(data)
    second_attempt(sim, job_id)
    sim.endpoint.process()
    sim.endpoint.fail_with = model.BAD_REQUEST
    sim.endpoint.process()
    sim.endpoint.fail_with = None
    (success,), (failure,) = take_messages(sim, names.SUCCEEDED), take_messages(sim, names.FAILED)
    acts = handle_action(sim, "collect_results", success), handle_action(sim, "handle_failures", failure)
    return Scene(sim, job_id, data, *acts)


def success_and_rejection_of_two_attempts(mutate: Mutation = no_mutation) -> Scene:
    data = Dataset.of(b"1")
    sim, job_id = start_job(data, mutate=mutate)
    second_attempt(sim, job_id)
    sim.endpoint.process()
    sim.endpoint.fail_with = model.BAD_REQUEST
    sim.endpoint.process()
    sim.endpoint.fail_with = None
    (success,), (failure,) = take_messages(sim, names.SUCCEEDED), take_messages(sim, names.FAILED)
    acts = handle_action(sim, "collect_results", success), handle_action(sim, "handle_failures", failure)
    return Scene(sim, job_id, data, *acts, rejected=Dataset((Row(b"r0", b"1", refused=True),)))


def last_two_chunks(*, in_a_batch: bool = False) -> Scene:
    data = Dataset.of(b"1", b"2", b"3")
    sim, job_id = start_job(data)
    sim.endpoint.process()
    sim.endpoint.process()
    made = sim.functions.composition("collect_results")[1] if in_a_batch else None
    first, second = (handle_action(sim, "collect_results", body, made) for body in take_messages(sim, names.SUCCEEDED))
    return Scene(sim, job_id, data, first, second)


def last_two_chunks_in_a_batch() -> Scene:
    return last_two_chunks(in_a_batch=True)


def retry_twice() -> Scene:
    data = Dataset.of(b"1", b"flaky")
    sim, job_id = start_job(data)
    sim.endpoint.process()
    sim.functions.deliver("handle_failures")
    (body,) = take_messages(sim, names.RETRIES)
    one, other = (handle_action(sim, "dispatch_retries", body) for _ in range(2))
    return Scene(sim, job_id, data, one, other)


def retry_and_late_success() -> Scene:
    data = Dataset.of(b"1", b"2")
    sim, job_id = start_job(data)
    sim.endpoint.process()
    (success,) = take_messages(sim, names.SUCCEEDED)
    due = RetryDue(job_id=job_id, first_row=0, rows=2, attempt=2, tries=1, reason="late").to_json()
    acts = handle_action(sim, "collect_results", success), handle_action(sim, "dispatch_retries", due)
    return Scene(sim, job_id, data, *acts)


def success_and_reconciler() -> Scene:
    data = Dataset.of(b"1", b"2")
    sim, job_id = start_job(data)
    sim.endpoint.process()
    (success,) = take_messages(sim, names.SUCCEEDED)
    sim.cloud.clock.advance(1_000)
    return Scene(sim, job_id, data, handle_action(sim, "collect_results", success), sim.functions.tick)


def two_reconcilers() -> Scene:
    data = Dataset.of(b"1", b"2")
    sim, job_id = start_job(data)
    sim.endpoint.process(notifications=0)
    sim.cloud.clock.advance(1_000)
    service = reconciler(sim)
    return Scene(sim, job_id, data, sim.functions.tick, lambda: service.run(60.0))


def reconciler(sim: Simulation) -> ReconcileJobs:
    return assemble(sim.functions.composition("reconcile_jobs")[1])


def success_and_cancel() -> Scene:
    data = Dataset.of(b"1", b"2", b"3")
    sim, job_id = start_job(data)
    sim.endpoint.process()
    sim.endpoint.process()
    success, rest = take_messages(sim, names.SUCCEEDED)
    sim.cloud.sqs.send_message(QueueUrl=names.SUCCEEDED, MessageBody=rest)
    _, client = sim.producer()
    assert client.stack.name
    final_states = JobState.CANCELLED, JobState.COMPLETED
    act = handle_action(sim, "collect_results", success)
    return Scene(sim, job_id, data, act, lambda: client.cancel(job_id), final_states=final_states)


def two_that_start_what_waits(mutate: Mutation = no_mutation) -> Scene:
    data = Dataset.of(b"1", b"2", b"3", b"4")
    sim, job_id = start_job(data, WINDOWED, mutate=mutate)
    sim.endpoint.process()
    sim.endpoint.process()
    first, second = (handle_action(sim, "collect_results", body) for body in take_messages(sim, names.SUCCEEDED))
    return Scene(sim, job_id, data, first, second, at_once=True)


def one_that_starts_what_waits_and_cancel() -> Scene:
    data = Dataset.of(b"1", b"2", b"3", b"4")
    sim, job_id = start_job(data, WINDOWED)
    sim.endpoint.process()
    (success,) = take_messages(sim, names.SUCCEEDED)
    _, client = sim.producer()
    assert client.stack.name
    act = handle_action(sim, "collect_results", success)
    return Scene(sim, job_id, data, act, lambda: client.cancel(job_id), final_states=(JobState.CANCELLED,))


def producer_and_functions() -> Scene:
    data = Dataset.of(b"1", b"2", b"3")
    sim = Simulation(Schedule(before_call=take_turns))
    _, client = sim.producer()
    assert client.stack.name
    options = replace(WINDOWED, window=1)

    def submit() -> None:
        sim.jobs.append(client.submit("-", options, stdin=io.BytesIO(data.text)).job_id)

    return Scene(sim, None, data, submit, sim.pump, at_once=True)


def producer_and_failures() -> Scene:
    """Build a scene in which an attempt may fail before it is confirmed."""
    data = Dataset.of(b"1", b"flaky")
    sim = Simulation(Schedule(before_call=take_turns))
    _, client = sim.producer()
    assert client.stack.name

    def submit() -> None:
        options = replace(OPTIONS, chunk_rows=1)
        sim.jobs.append(client.submit("-", options, stdin=io.BytesIO(data.text)).job_id)

    return Scene(sim, None, data, submit, sim.pump)


def two_producers() -> Scene:
    data = Dataset.of(b"1", b"2,2", b"3")
    sim = Simulation(Schedule(before_call=take_turns))
    sim.invariants.ordered = False

    def submitting() -> Action:
        _, client = sim.producer()
        # Python 3.11 evaluates a cached property under a lock of its class: two actors would
        # deadlock.
        assert client.stack.name
        return lambda: sim.jobs.append(client.submit("-", OPTIONS, stdin=io.BytesIO(data.text)).job_id)

    return Scene(sim, None, data, submitting(), submitting())


SCENES: dict[str, Callable[[], Scene]] = {
    each.__name__.replace("_", " "): each
    for each in (
        same_success_twice,
        same_success_twice_in_a_batch,
        same_failure_twice,
        same_rejection_twice,
        same_request_twice,
        request_again_and_success,
        two_looks_at_a_sealed_job,
        look_and_chunk_that_joins,
        successes_of_two_attempts,
        success_and_failure_of_two_attempts,
        success_and_rejection_of_two_attempts,
        last_two_chunks,
        last_two_chunks_in_a_batch,
        retry_twice,
        retry_and_late_success,
        success_and_reconciler,
        two_reconcilers,
        success_and_cancel,
        two_that_start_what_waits,
        one_that_starts_what_waits_and_cancel,
        producer_and_functions,
        producer_and_failures,
        two_producers,
    )
}


def play(build: Callable[[], Scene], first: int, second: int, *, swapped: bool) -> Trace:
    scene = build()
    acts = (scene.other, scene.one) if swapped else (scene.one, scene.other)
    trace = run_interleaved(*acts, first=first, second=second)
    if scene.at_once:
        scene.sim.pump()
        assert scene.sim.at_rest(), "the job waits for the reconciler"
    scene.sim.drain()
    assert len(set(scene.sim.jobs)) == 1
    job_id = scene.sim.jobs[0]
    state = scene.sim.job(job_id).state
    expected = state if state in scene.final_states else None
    data = scene.data
    if scene.rejected is not None and state is not JobState.COMPLETED:
        data = scene.rejected
    check(scene.sim, job_id, data, expected=expected)
    return trace


SYMMETRIC = frozenset(
    {
        "same success twice",
        "same success twice in a batch",
        "same failure twice",
        "same rejection twice",
        "same request twice",
        "two looks at a sealed job",
        "retry twice",
        "two producers",
    }
)
"""Scenes whose two actions are equal, so that their order does not matter."""
ENTWINED = frozenset(
    {
        "same success twice in a batch",
        "last two chunks in a batch",
        "producer and functions",
        "producer and failures",
        "two producers",
    }
)
"""Scenes whose actions share memory, or change what no call shows: each interleaving is run."""
ORDERS = [(name, swapped) for name in SCENES for swapped in ((False,) if name in SYMMETRIC else (False, True))]


def calls_when_first(name: str, *, swapped: bool) -> int:
    return len(play(SCENES[name], 10**6, 0, swapped=swapped).one)


@pytest.mark.parametrize(("name", "swapped"), ORDERS)
def test_two_at_once_end_as_one_after_the_other(name: str, *, swapped: bool) -> None:
    one, other = calls_when_first(name, swapped=swapped), calls_when_first(name, swapped=not swapped)
    broken: list[str] = []

    def attempt(first: int, second: int) -> Trace | None:
        try:
            trace = play(SCENES[name], first, second, swapped=swapped)
        except AssertionError as exc:
            broken.append(f"after {first} and {second} calls: {exc}")
            return None
        return None if name in ENTWINED else trace

    tried = set(run_classes(one, other, attempt).values())
    assert not broken, f"{len(broken)} of {len(tried)}:\n" + "\n".join(broken[:8])


@pytest.mark.parametrize("name", ["last two chunks", "retry twice", "success and cancel", "two reconcilers"])
def test_an_interleaving_that_is_not_run_would_end_like_the_one_run_for_it(name: str) -> None:
    one, other = (calls_when_first(name, swapped=swapped) for swapped in (False, True))
    ends: dict[Interleaving, tuple[Trace, object]] = {}

    def attempt(first: int, second: int) -> Trace:
        scene = SCENES[name]()
        trace = run_interleaved(scene.one, scene.other, first=first, second=second)
        ends[first, second] = trace, end_of(scene.sim)
        return trace

    ran = run_classes(one, other, attempt)
    skipped = [each for each, run in ran.items() if each != run]
    assert len(skipped) >= 10
    for each in random.Random(name).sample(skipped, min(20, len(skipped))):
        attempt(*each)
        assert ends[each] == ends[ran[each]], each


def end_of(sim: Simulation) -> object:
    """Return everything durable just after the actions."""
    queues = {
        name: sorted(each.body for each in queue.messages.values()) for name, queue in sim.cloud.sqs.queues.items()
    }
    return sim.cloud.dynamodb.items, sim.cloud.s3.objects, queues, sim.endpoint.backlog, sim.cloud.clock()
