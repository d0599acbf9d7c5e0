from hypothesis import given
from hypothesis import strategies as st

from tailrace_local.sagemaker.hosting.backlog import Backlog
from tailrace_local.sagemaker.messages.invocations import Invocation


def invocation(number: int, received_s: float = 0.0, ttl_s: float = 100.0) -> Invocation:
    name = str(number)
    return Invocation(name, name, "e", "s3://b/k", received_s, received_s + ttl_s, 10.0, f"s3://b/out/{name}.out")


@given(st.lists(st.sampled_from(["add", "take", "done", "expire"]), max_size=60))
def test_every_invocation_is_waiting_in_process_done_or_expired_and_leaves_in_order(steps: list[str]) -> None:
    backlog, now = Backlog(), 0.0
    added, gone, running, taken = 0, 0, [], []
    for step in steps:
        now += 1
        if step == "add":
            backlog.add(invocation(added, now, ttl_s=5 if added % 3 else 50))
            added += 1
        elif step == "take" and (found := backlog.take()):
            running.append(found)
            taken.append(int(found.id))
        elif step == "done" and running:
            backlog.done(running.pop(0))
            gone += 1
        elif step == "expire":
            gone += len(backlog.expire(now))
        assert backlog.waiting + backlog.in_process + gone == added
        assert backlog.size == backlog.waiting + len(running)
    assert taken == sorted(taken)


def test_a_request_expires_at_its_ttl_and_not_before() -> None:
    backlog = Backlog()
    backlog.add(invocation(1, received_s=0, ttl_s=60))
    assert backlog.expire(59.9) == []
    assert [one.id for one in backlog.expire(60.0)] == ["1"]
    assert backlog.size == 0


def test_what_is_in_process_does_not_expire_and_counts_for_the_age() -> None:
    backlog = Backlog()
    backlog.add(invocation(1, received_s=0, ttl_s=1))
    backlog.take()
    backlog.add(invocation(2, received_s=50))
    assert backlog.expire(60) == []
    assert backlog.oldest_age_s(60) == 60


def test_an_empty_queue_has_no_age() -> None:
    assert Backlog().oldest_age_s(1000) == 0


def test_dropping_forgets_what_waits_only() -> None:
    backlog = Backlog()
    for number in range(3):
        backlog.add(invocation(number))
    backlog.take()
    assert (backlog.drop(), backlog.size) == (2, 1)
