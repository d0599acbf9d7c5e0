"""The plan's faults, seen at the engine's ports."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tailrace_local.sagemaker import FaultPlan, PlannedFaults
from tests.unit.local.sagemaker.fakes import FakeClock
from tests.unit.local.sagemaker.inference.test_engine import Bench, echo, run


async def scored(
    *rules: dict[str, Any], requests: int = 1, body: bytes = b"1\n2\n3\n", **options: Any
) -> tuple[Bench, PlannedFaults, list[dict[str, Any]]]:
    """Return the outcome of some requests under these rules."""
    faults = PlannedFaults(FakeClock(), FaultPlan.model_validate({"rules": rules}))
    bench = await Bench(options.pop("answer", echo), faults=faults, **options).deploy()
    for number in range(requests):
        bench.submit(number, body=body)
    await bench.finish()
    await settle()
    messages = await bench.finish()
    return bench, faults, messages


async def settle() -> None:
    """Let the tasks that publish later do so; their clock does not wait."""
    for _ in range(50):
        await asyncio.sleep(0)


def outcome(*rules: dict[str, Any], **more: Any) -> tuple[Bench, PlannedFaults, list[dict[str, Any]]]:
    found: tuple[Bench, PlannedFaults, list[dict[str, Any]]] = run(scored(*rules, **more))
    return found


def test_a_lost_request_leaves_no_trace() -> None:
    bench, faults, messages = outcome({"do": {"kind": "lose"}})
    assert messages == []
    assert list(bench.store.objects) == ["s3://b/in/0"]
    assert faults.log.counts() == {"total": 1, "by_kind": {"lose": 1}, "by_rule": {"1-lose": 1}}


def test_an_expired_request_is_never_run_and_is_told_when_the_settings_say_so() -> None:
    bench, _, messages = outcome({"do": {"kind": "expire"}}, notify_expired=True)
    assert "expired" in messages[0]["failureReason"]
    assert bench.caller.most == 0


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ({"kind": "fail_download"}, "Failed to download the input: the fault plan says so"),
        ({"kind": "status", "status": 413}, "Received client error (413) from model."),
        ({"kind": "status", "status": 503}, "Received server error (503) from model."),
        ({"kind": "hang_up"}, "Received server error (0) from model."),
        ({"kind": "kill_instance"}, "Received server error (0) from model."),
        ({"kind": "no_response"}, "could not get a response from the demand endpoint"),
        ({"kind": "time_out"}, "Your invocation timed out while waiting for a response from container primary"),
        ({"kind": "fail_upload"}, "Failed to upload the response: the fault plan says so"),
    ],
)
def test_a_failure_reaches_the_error_topic_in_sagemakers_words(do: dict[str, Any], reason: str) -> None:
    bench, faults, (message,) = outcome({"do": do})
    assert reason in message["failureReason"]
    assert "s3://b/out/0.out" not in bench.store.objects
    assert [entry["inference_id"] for entry in faults.log.entries()] == ["i0"]


def test_the_text_of_a_refusal_is_in_the_failure_object() -> None:
    bench, _, _ = outcome({"do": {"kind": "status", "status": 400, "body": "row 2 is bad"}})
    assert bench.store.objects["s3://b/bad/0-error.out"] == b"row 2 is bad"


def test_a_killed_instance_has_lost_its_server() -> None:
    async def scenario() -> list[bool]:
        bench, _, _ = await scored({"do": {"kind": "kill_instance"}})
        return [server.running for server in bench.launcher.servers]

    assert run(scenario())[0] is False


def test_only_the_input_with_the_row_fails() -> None:
    async def scenario() -> tuple[list[dict[str, Any]], PlannedFaults]:
        plan = {"rules": [{"name": "poison", "when": {"row": "^PO.SON,"}, "do": {"kind": "status", "status": 400}}]}
        faults = PlannedFaults(FakeClock(), FaultPlan.model_validate(plan))
        bench = await Bench(faults=faults).deploy()
        bench.submit(1, body=b"1\nPOISON,2\r\n3\n")
        bench.submit(2, body=b"1\n2 POISON,\n")
        return await bench.finish(), faults

    messages, faults = run(scenario())
    assert {message["inferenceId"]: message["invocationStatus"] for message in messages} == {
        "i1": "Failed",
        "i2": "Completed",
    }
    assert faults.log.counts()["by_rule"] == {"poison": 1}


def test_a_row_can_choose_what_happens_to_the_notification() -> None:
    rule = {"when": {"row": "2"}, "do": {"kind": "drop"}}
    assert outcome(rule)[2] == []
    assert len(outcome(rule, body=b"1\n")[2]) == 1


def test_a_slow_container_still_answers() -> None:
    bench, faults, messages = outcome({"do": {"kind": "slow", "seconds": 3}})
    assert messages[0]["invocationStatus"] == "Completed"
    assert faults.log.counts()["by_kind"] == {"slow": 1}
    assert bench.store.objects["s3://b/out/0.out"] == b"1\n2\n3\n"


def test_slow_goes_together_with_what_comes_after_it() -> None:
    messages = outcome({"do": {"kind": "slow", "seconds": 3}}, {"do": {"kind": "status", "status": 500}})[2]
    assert "(500)" in messages[0]["failureReason"]


def test_an_output_is_spoiled_by_one_rule_after_the_other() -> None:
    drop = {"kind": "spoil_output", "how": "drop_last"}
    bench, _, messages = outcome({"do": drop}, {"do": {"kind": "spoil_output", "how": "drop_middle"}})
    assert bench.store.objects["s3://b/out/0.out"] == b"2\n"
    assert messages[0]["invocationStatus"] == "Completed"


def ids(messages: list[dict[str, Any]]) -> list[str]:
    return [message["inferenceId"] for message in messages]


def test_a_dropped_notification_leaves_the_output() -> None:
    bench, _, messages = outcome({"do": {"kind": "drop"}})
    assert messages == []
    assert "s3://b/out/0.out" in bench.store.objects


def test_a_duplicate_is_published_as_often_as_told() -> None:
    assert ids(outcome({"do": {"kind": "duplicate", "times": 3}})[2]) == ["i0"] * 4


class HeldClock(FakeClock):
    """Time stands still until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()
        self.asked: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self.let_go.wait()


def test_a_delayed_notification_comes_after_its_time_and_holds_nobody_up() -> None:
    async def scenario() -> tuple[list[str], list[str], list[float]]:
        clock = HeldClock()
        rule = {"when": {"inference_id": "^i0$"}, "do": {"kind": "delay", "seconds": 5}}
        bench = await Bench(faults=PlannedFaults(clock, FaultPlan.model_validate({"rules": [rule]}))).deploy(1, 1)
        for number in range(3):
            bench.submit(number)
        before = ids(await bench.finish())
        clock.let_go.set()
        await settle()
        return before, ids(await bench.finish()), clock.asked

    assert run(scenario()) == (["i1", "i2"], ["i1", "i2", "i0"], [5.0])


def test_closing_forgets_what_is_held_back() -> None:
    async def scenario() -> list[str]:
        clock = HeldClock()
        rule = {"do": {"kind": "delay", "seconds": 5}}
        faults = PlannedFaults(clock, FaultPlan.model_validate({"rules": [rule]}))
        bench = await Bench(faults=faults).deploy()
        bench.submit(0)
        await bench.finish()
        await faults.close()
        clock.let_go.set()
        await settle()
        return ids(await bench.finish())

    assert run(scenario()) == []


def test_reordered_notifications_all_come_and_in_another_order() -> None:
    arrived = ids(outcome(requests=8)[2])
    messages = outcome({"do": {"kind": "reorder", "window": 8}}, requests=8)[2]
    assert sorted(ids(messages)) == sorted(arrived)
    assert ids(messages) != arrived


def test_what_is_held_for_reordering_comes_when_the_window_does_not_fill() -> None:
    messages = outcome({"do": {"kind": "reorder", "window": 8, "within_s": 1}}, requests=3)[2]
    assert sorted(ids(messages)) == ["i0", "i1", "i2"]


def test_a_stale_notification_of_another_request_comes_once_more() -> None:
    messages = outcome({"when": {"after": 4}, "do": {"kind": "replay"}}, requests=5)[2]
    assert len(messages) == 6
    assert len(set(ids(messages))) == 5


@pytest.mark.parametrize("instead", [True, False])
def test_a_forged_notification_says_what_it_is_told(instead: bool) -> None:  # noqa: FBT001 - a parameter of the case
    changes = {"responseParameters.outputLocation": "s3://elsewhere/x", "receivedTime": None}
    messages = outcome({"do": {"kind": "forge", "changes": changes, "instead": instead}})[2]
    assert len(messages) == (1 if instead else 2)
    assert messages[0]["responseParameters"]["outputLocation"] == "s3://elsewhere/x"
    assert "receivedTime" not in messages[0]


def test_a_rule_for_failures_leaves_successes_alone() -> None:
    async def broken(_url: str, _headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        return (500 if body == b"bad" else 200), body

    async def scenario() -> list[dict[str, Any]]:
        rule = {"when": {"outcome": "Failed"}, "do": {"kind": "drop"}}
        faults = PlannedFaults(FakeClock(), FaultPlan.model_validate({"rules": [rule]}))
        bench = await Bench(broken, faults=faults).deploy()
        bench.submit(1, body=b"bad")
        bench.submit(2)
        return await bench.finish()

    assert ids(run(scenario())) == ["i2"]


def test_a_plan_that_is_cleared_does_nothing_more_and_keeps_its_counters() -> None:
    async def scenario() -> tuple[list[dict[str, Any]], PlannedFaults]:
        bench, faults, _ = await scored({"do": {"kind": "lose"}})
        faults.clear()
        bench = await Bench(faults=faults).deploy()
        bench.submit(9)
        return await bench.finish(), faults

    messages, faults = run(scenario())
    assert ids(messages) == ["i9"]
    assert faults.shown()["counts"]["by_kind"] == {"lose": 1}
    assert faults.shown()["plan"]["rules"] == []
