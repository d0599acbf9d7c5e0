"""The runner: order, bounds, and errors."""

from __future__ import annotations

import threading
from typing import Any

from tailrace.doctor.checks import Check
from tailrace.doctor.findings import Finding, Status, ok
from tailrace.doctor.runner import Runner
from tailrace_core.aws.calls import Call, Steps


def _asks(operation: str) -> Check[str]:
    def run(subject: str) -> Steps[list[Finding]]:
        answer = yield Call("service", operation, {"of": subject})
        return [ok(answer)]

    return Check(operation, (), run)


def test_findings_come_in_the_order_of_the_table_and_bear_its_names() -> None:
    second = threading.Event()

    def execute(call: Call) -> Any:
        # The first answer comes after the second one.
        if call.operation == "first":
            assert second.wait(60)
        else:
            second.set()
        return f"{call.operation} of {call.params['of']}"

    found = list(Runner(execute).run([_asks("first"), _asks("second")], "stack"))
    assert [(each.check, each.seen) for each in found] == [("first", "first of stack"), ("second", "second of stack")]


def test_a_check_without_an_answer_in_time_is_cannot_tell_and_the_others_are_reported() -> None:
    never = threading.Event()

    def execute(call: Call) -> Any:
        if call.operation == "hangs":
            never.wait()
        return "well"

    now = [0.0]
    found = Runner(execute, timeout_s=60, clock=lambda: now[0]).run([_asks("answers"), _asks("hangs")], "stack")
    answers = next(found)
    now[0] = 60.0
    (hangs,) = found
    never.set()
    assert [(each.check, each.status) for each in (answers, hangs)] == [
        ("answers", Status.OK),
        ("hangs", Status.CANNOT_TELL),
    ]
    assert "--timeout" in hangs.advice
