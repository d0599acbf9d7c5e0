import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tailrace_local.sagemaker import EmulatorSettings, FaultHooks
from tailrace_local.sagemaker.adapters.images import UncheckedRegistry
from tailrace_local.sagemaker.errors import NoResponseError
from tailrace_local.sagemaker.fault_injection.hooks import Publish
from tailrace_local.sagemaker.hosting.endpoints import Deployment, Endpoint
from tailrace_local.sagemaker.hosting.fleet import Fleet
from tailrace_local.sagemaker.hosting.instances import FleetPlan, FleetTools
from tailrace_local.sagemaker.hosting.metrics import MetricBuffer, endpoint_metrics
from tailrace_local.sagemaker.inference.engine import AsyncEngine, EngineTools
from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.records import Container, EndpointConfig
from tests.unit.local.sagemaker.fakes import FakeCaller, FakeClock, FakeLauncher, FakeModels, FakeNotifier, FakeStore

ROLE, OK, BAD = "arn:role", "arn:success", "arn:error"
AnswerOf = Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, bytes]]]


async def echo(_url: str, _headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    await asyncio.sleep(0)
    return 200, body


class Bench:
    """An engine with one endpoint between fakes."""

    def __init__(self, answer: AnswerOf = echo, *, faults: FaultHooks | None = None, **changes: Any) -> None:
        self.clock, self.store, self.notifier = FakeClock(), FakeStore(), FakeNotifier()
        self.caller, self.launcher, self.metrics_buffer = FakeCaller(answer), FakeLauncher(), MetricBuffer()
        settings = EmulatorSettings("eu-west-1", "123456789012", "http://aws", Path("state"), {}, **changes)
        tools = EngineTools(
            self.store, self.notifier, self.caller, self.clock, faults or FaultHooks(), self.metrics_buffer, Path()
        )
        self.engine = AsyncEngine(settings, tools)
        self.endpoint = Endpoint("demand", "arn", "config", 0, 0)

    async def deploy(self, instances: int = 1, slots: int = 2) -> "Bench":
        tools = FleetTools(self.launcher, self.caller, UncheckedRegistry(), FakeModels(), self.clock, Path("models"))
        plan = FleetPlan("f", "AllTraffic", ROLE, (Container("image"),), slots, 5)
        fleet = Fleet(plan, tools, lambda: self.engine.pump(self.endpoint))
        topics = {"SuccessTopic": OK, "ErrorTopic": BAD}
        output = {"S3OutputPath": "s3://b/out", "S3FailurePath": "s3://b/bad", "NotificationConfig": topics}
        variants = [{"VariantName": "AllTraffic"}]
        request = {"ProductionVariants": variants, "AsyncInferenceConfig": {"OutputConfig": output}}
        config = EndpointConfig("config", "arn", request, 0)
        self.endpoint.deployment = Deployment(
            config, {"AllTraffic": fleet}, {"AllTraffic": instances}, {"AllTraffic": 1}
        )
        await fleet.scale(instances, 1)
        return self

    def submit(
        self, number: int, *, ttl_s: float = 100.0, timeout_s: float = 10.0, body: bytes | None = b"1\n"
    ) -> Invocation:
        location = f"s3://b/in/{number}"
        if body is not None:
            self.store.objects[location] = body
        made = Invocation(
            str(number), f"i{number}", "demand", location, self.clock.now, self.clock.now + ttl_s, timeout_s,
            f"s3://b/out/{number}.out", f"s3://b/bad/{number}-error.out", "text/csv", None, "trace",
        )  # fmt: skip
        self.engine.submit(self.endpoint, made)
        return made

    async def finish(self) -> list[dict[str, Any]]:
        """Wait until nothing waits or runs; the messages that were sent."""
        async with asyncio.timeout(60):
            while self.endpoint.work:
                await asyncio.gather(*self.endpoint.work)
        if self.endpoint.deployment:
            await self.endpoint.deployment.stop()
        return [json.loads(text) for _, _, text in self.notifier.sent]


def run(work: Awaitable[Any]) -> Any:
    async def whole() -> Any:
        return await work

    return asyncio.run(whole())


@pytest.mark.parametrize(("instances", "slots"), [(1, 1), (1, 3), (3, 2)])
def test_as_many_run_at_once_as_instances_times_slots_and_never_more(instances: int, slots: int) -> None:
    async def scenario() -> int:
        bench = await Bench().deploy(instances, slots)
        for number in range(20):
            bench.submit(number)
        assert len(await bench.finish()) == 20
        return bench.caller.most

    assert run(scenario()) == instances * slots


def test_every_step_acts_as_the_execution_role() -> None:
    async def scenario() -> Bench:
        bench = await Bench().deploy()
        bench.submit(1)
        await bench.finish()
        return bench

    bench = run(scenario())
    assert bench.store.roles == {ROLE}
    assert [(role, topic) for role, topic, _ in bench.notifier.sent] == [(ROLE, OK)]


def test_the_container_gets_the_callers_headers() -> None:
    seen: list[Mapping[str, str]] = []

    async def watch(_url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        seen.append(headers)
        return 200, body

    async def scenario() -> None:
        bench = await Bench(watch).deploy()
        bench.submit(1)
        await bench.finish()

    run(scenario())
    assert seen == [
        {
            "Content-Type": "text/csv",
            "X-Amzn-SageMaker-Custom-Attributes": "trace",
            "X-Amzn-SageMaker-Inference-Id": "i1",
        }
    ]


def test_a_failure_is_not_repeated() -> None:
    calls: list[bytes] = []

    async def refuse(_url: str, _headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        calls.append(body)
        return 500, b"broken"

    async def scenario() -> list[dict[str, Any]]:
        bench = await Bench(refuse).deploy()
        bench.submit(1)
        messages = await bench.finish()
        assert bench.store.objects["s3://b/bad/1-error.out"] == b"broken"
        return messages

    messages = run(scenario())
    assert [message["invocationStatus"] for message in messages] == ["Failed"]
    assert len(calls) == 1


def test_a_timeout_frees_the_slot_for_the_next() -> None:
    async def stall(_url: str, _headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        if body == b"slow":
            await asyncio.Event().wait()
        return 200, body

    async def scenario() -> list[dict[str, Any]]:
        bench = await Bench(stall).deploy(1, 1)
        bench.submit(1, timeout_s=0.01, body=b"slow")
        bench.submit(2)
        return await bench.finish()

    first, second = run(scenario())
    assert "timed out" in first["failureReason"]
    assert second["invocationStatus"] == "Completed"


@pytest.mark.parametrize(
    ("connected", "reason"),
    [(True, "Received server error (0) from model."), (False, "could not get a response from the demand endpoint")],
)
def test_no_answer_has_two_reasons(connected: bool, reason: str) -> None:  # noqa: FBT001 - a parameter of the case
    async def vanish(url: str, _headers: Mapping[str, str], _body: bytes) -> tuple[int, bytes]:
        raise NoResponseError(url, connected=connected)

    async def scenario() -> list[dict[str, Any]]:
        bench = await Bench(vanish).deploy()
        bench.submit(1)
        return await bench.finish()

    assert reason in run(scenario())[0]["failureReason"]


@pytest.mark.parametrize(("notify", "told"), [(False, 0), (True, 1)])
def test_what_expires_without_capacity_is_counted_and_told_as_the_settings_say(notify: bool, told: int) -> None:  # noqa: FBT001 - a parameter of the case
    async def scenario() -> tuple[list[dict[str, Any]], list[str]]:
        bench = await Bench(notify_expired=notify).deploy(instances=0)
        bench.submit(1, ttl_s=60)
        bench.clock.now += 61
        bench.engine.pump(bench.endpoint)
        messages = await bench.finish()
        return messages, [datum.name for datum in bench.metrics_buffer.collect()]

    messages, counted = run(scenario())
    assert len(messages) == told
    assert counted == ["ExpiredRequests"]


def test_an_output_that_cannot_be_stored_is_a_failure() -> None:
    async def scenario() -> list[dict[str, Any]]:
        bench = await Bench().deploy()
        bench.store.refuse_uploads = True
        bench.submit(1)
        return await bench.finish()

    (message,) = run(scenario())
    assert "Failed to upload" in message["failureReason"]
    assert "responseParameters" not in message


def test_a_topic_that_refuses_is_counted_and_the_output_stays() -> None:
    async def scenario() -> tuple[Bench, list[str]]:
        bench = await Bench().deploy()
        bench.notifier.refuse = True
        bench.submit(1)
        await bench.finish()
        return bench, [datum.name for datum in bench.metrics_buffer.collect()]

    bench, counted = run(scenario())
    assert bench.store.objects["s3://b/out/1.out"] == b"1\n"
    assert "NotificationFailures" in counted


def test_gauges_tell_a_backlog_without_capacity() -> None:
    async def scenario() -> dict[str, float]:
        bench = await Bench().deploy(instances=0)
        bench.submit(1)
        bench.clock.now += 7
        return {datum.name: datum.values[0] for datum in endpoint_metrics([bench.endpoint], bench.clock.now)}

    assert run(scenario()) == {
        "ApproximateBacklogSize": 1.0,
        "ApproximateAgeOfOldestRequest": 7.0,
        "HasBacklogWithoutCapacity": 1.0,
    }


class Mischief(FaultHooks):
    """Loses request 1, notifies twice of request 2, stores half of the output of request 3."""

    def admit(self, invocation: Invocation) -> Invocation | None:
        return None if invocation.id == "1" else invocation

    async def around_notify(self, invocation: Invocation, message: str, publish: Publish) -> None:
        await publish(message)
        if invocation.id == "2":
            await publish(message)

    async def before_upload(self, invocation: Invocation, body: Any) -> Any:
        if invocation.id == "3":
            body.truncate(body.size_bytes // 2)
        return body


def test_faults_can_lose_duplicate_and_truncate() -> None:
    async def scenario() -> tuple[list[dict[str, Any]], Bench]:
        bench = await Bench(faults=Mischief()).deploy()
        for number in (1, 2, 3):
            bench.submit(number, body=b"1\n2\n")
        return await bench.finish(), bench

    messages, bench = run(scenario())
    assert sorted(message["inferenceId"] for message in messages) == ["i2", "i2", "i3"]
    assert bench.store.objects["s3://b/out/3.out"] == b"1\n"


def test_a_fault_of_the_emulators_own_does_not_stop_the_queue() -> None:
    async def broken(_url: str, _headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        if body == b"bug":
            raise RuntimeError("bug")
        return 200, body

    async def scenario() -> list[dict[str, Any]]:
        bench = await Bench(broken).deploy(1, 1)
        bench.submit(1, body=b"bug")
        bench.submit(2)
        return await bench.finish()

    assert [message["inferenceId"] for message in run(scenario())] == ["i2"]
