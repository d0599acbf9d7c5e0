"""Jobs are looked at once for a batch, and whose look fails has its messages delivered again, and nobody else's."""

from __future__ import annotations

from functools import partial
from typing import Any

from tailrace_consumers.batches import Record, partial_response
from tailrace_consumers.looks import Looks
from tailrace_core.errors import TransientError


class Looker:
    def __init__(self, *, failing: str = "") -> None:
        self.looked: list[str] = []
        self._failing = failing

    def look(self, job_id: str) -> None:
        self.looked.append(job_id)
        if job_id == self._failing:
            raise TransientError("busy")


def failed(looks: Looks, *bodies: str) -> list[str]:
    """The ids of those that are delivered again of a batch whose bodies name jobs; ``!`` raises when it is settled."""

    def handle(record: Record) -> None:
        looks.look(record.body.removesuffix("!"))
        looks.end_message(record.message_id)
        if record.body.endswith("!"):
            raise TransientError("gone")

    event: dict[str, Any] = {"Records": [{"messageId": f"m{at}", "body": body} for at, body in enumerate(bodies)]}
    answer = partial_response(event, handle, partial(looks.catch_up, lambda _: None))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_each_job_is_looked_at_once_after_all_messages() -> None:
    looker = Looker()
    assert failed(Looks(looker), "a", "b", "a", "a") == []
    assert looker.looked == ["a", "b"]


def test_the_messages_of_a_job_that_could_not_be_looked_at_come_again_and_no_others() -> None:
    assert sorted(failed(Looks(Looker(failing="a")), "a", "b", "a", "b")) == ["m0", "m2"]


def test_a_message_that_failed_twice_is_named_once() -> None:
    assert failed(Looks(Looker(failing="a")), "b", "a!") == ["m1"]


def test_a_batch_has_nothing_to_do_with_the_one_before() -> None:
    looker = Looker(failing="a")
    looks = Looks(looker)
    assert failed(looks, "a") == ["m0"]
    assert failed(looks, "b") == []
    assert looker.looked == ["a", "b"]
