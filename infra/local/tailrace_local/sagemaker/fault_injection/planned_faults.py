"""Fault hooks that follow a plan, which can be replaced while the emulator runs."""

import asyncio
import weakref
from collections.abc import Iterator
from typing import Any, NoReturn

from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.errors import ApiError, NoResponseError, StorageError
from tailrace_local.sagemaker.fault_injection.fault_log import FaultLog
from tailrace_local.sagemaker.fault_injection.hooks import FaultHooks, ModelCall, Publish
from tailrace_local.sagemaker.fault_injection.matching import RuleMatcher
from tailrace_local.sagemaker.fault_injection.notifications import NotificationFaults, invocation_status
from tailrace_local.sagemaker.fault_injection.outputs import corrupt_output
from tailrace_local.sagemaker.fault_injection.plan import (
    CorruptOutput,
    Expire,
    FailDownload,
    FailUpload,
    FaultPlan,
    HangUp,
    KillInstance,
    Lose,
    NoResponse,
    Refuse,
    Slow,
    Status,
    Step,
    TimeOut,
)
from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ModelResponse


class PlannedFaults(FaultHooks):
    """Injects the faults of a plan; without a plan, none. All state lives on one event loop."""

    def __init__(self, clock: Clock, plan: FaultPlan | None = None) -> None:
        self.log = FaultLog(clock)
        self._clock = clock
        self._notification_faults = NotificationFaults(clock)
        self._rows: weakref.WeakKeyDictionary[Invocation, frozenset[str]] = weakref.WeakKeyDictionary()
        self._plan = FaultPlan()
        self._matchers: list[RuleMatcher] = []
        self.set(plan or FaultPlan())

    def set(self, plan: FaultPlan) -> None:
        """Follow this plan from now on, for requests in progress too. Clears the log."""
        self.log.clear()
        self._follow(plan)

    def clear(self) -> None:
        """Inject no more faults.

        Held notifications are still published; the log stays until the next plan.
        """
        self._follow(FaultPlan())

    def shown(self) -> dict[str, Any]:
        """Return the plan and the counters as a JSON object."""
        return {"plan": self._plan.model_dump(mode="json", exclude_none=True), "counts": self.log.counts()}

    def before_acceptance(self, invocation: Invocation) -> None:
        """Refuse the request with the error of the first rule that acts."""
        for matcher in self._acting(Step.REQUEST, invocation):
            match matcher.rule.do:
                case Refuse(code=code, message=message, status=status):
                    raise ApiError(code, message, status)

    def admit(self, invocation: Invocation) -> Invocation | None:
        """Lose the request, or expire it at once."""
        for matcher in self._acting(Step.QUEUE, invocation):
            match matcher.rule.do:
                case Lose():
                    return None
                case Expire():
                    return invocation.expired()
        return invocation

    def answers(self, invocation: Invocation) -> bool:
        """Return False if a rule loses the answer."""
        return not any(True for _ in self._acting(Step.REPLY, invocation))

    async def before_download(self, invocation: Invocation) -> None:
        """Raise StorageError if a rule fails the download."""
        for matcher in self._acting(Step.DOWNLOAD, invocation):
            match matcher.rule.do:
                case FailDownload(message=message):
                    raise StorageError(message)

    async def around_model(self, invocation: Invocation, call: ModelCall) -> ModelResponse:
        """Answer in place of the container, break off, wait, or kill its servers."""
        if any(matcher.rule.when.row for matcher in self._matchers):
            # In a thread: the input may be large.
            self._rows[invocation] = await asyncio.to_thread(_rules_with_rows, self._matchers, call.body)
        for matcher in self._acting(Step.MODEL, invocation):
            match matcher.rule.do:
                case Slow(seconds=seconds):
                    await self._clock.sleep(seconds)
                case Status(status=status, body=text):
                    return _answer(status, text)
                case TimeOut(at_once=at_once):
                    await self._time_out(invocation, at_once=at_once)
                case KillInstance(after_s=after_s):
                    await self._kill(call, after_s)
                case HangUp() | NoResponse() as fault:
                    raise NoResponseError("the fault plan says so", connected=isinstance(fault, HangUp))
        return await call()

    async def before_upload(self, invocation: Invocation, body: Payload) -> Payload:
        """Corrupt the output, by one rule after the other, or refuse to store it."""
        stored = body
        for matcher in self._acting(Step.OUTPUT, invocation):
            match matcher.rule.do:
                case CorruptOutput() as fault:
                    previous, stored = stored, await asyncio.to_thread(corrupt_output, stored, fault)
                    if previous is not body:
                        previous.close()
                case FailUpload(message=message):
                    if stored is not body:
                        stored.close()
                    raise StorageError(message)
        return stored

    async def around_notify(self, invocation: Invocation, message: str, publish: Publish) -> None:
        """Apply the rules to the message, in order, and publish the result."""
        acting = self._acting(Step.NOTIFICATION, invocation, invocation_status(message))
        await self._notification_faults.publish(acting, invocation, message, publish)

    async def close(self) -> None:
        """Drop the notifications that are held back."""
        await self._notification_faults.close()

    def _follow(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._matchers = [RuleMatcher(plan, name, rule) for name, rule in plan.named_rules()]

    def _acting(self, step: Step, invocation: Invocation, outcome: str | None = None) -> Iterator[RuleMatcher]:
        """Yield the rules that act now, and log each.

        A later rule is evaluated only if the caller reaches it.
        """
        for matcher in self._matchers:
            if matcher.rule.do.step is not step:
                continue
            row_found = matcher.name in self._rows.get(invocation, ())
            if matcher.matches(invocation, row_found=row_found, outcome=outcome):
                kind, detail = matcher.rule.do.kind, invocation.id
                self.log.record(matcher.name, kind, invocation.endpoint_name, invocation.inference_id, detail)
                yield matcher

    async def _time_out(self, invocation: Invocation, *, at_once: bool) -> NoReturn:
        if not at_once:
            # The engine's own timeout ends this.
            await self._clock.sleep(invocation.timeout_s)
        raise TimeoutError

    async def _kill(self, call: ModelCall, after_s: float) -> NoReturn:
        running = asyncio.ensure_future(call())
        try:
            await asyncio.sleep(0)  # the request is on its way
            await self._clock.sleep(after_s)
            call.kill_servers()
            await asyncio.wait({running}, timeout=1.0)
        finally:
            running.cancel()
            (outcome,) = await asyncio.gather(running, return_exceptions=True)
            if isinstance(outcome, ModelResponse):
                outcome.body.close()
        raise NoResponseError("the fault plan killed the instance", connected=True)


def _rules_with_rows(matchers: list[RuleMatcher], body: Payload) -> frozenset[str]:
    """Return the names of the rules whose row is in the input."""
    wanted = {matcher.name: matcher.rule.when.row for matcher in matchers if matcher.rule.when.row}
    found: set[str] = set()
    for line in body.file():
        text = line.decode(errors="replace").rstrip("\r\n")
        found |= {name for name, pattern in wanted.items() if pattern.search(text)}
        if len(found) == len(wanted):
            break
    return frozenset(found)


def _answer(status: int, text: str) -> ModelResponse:
    body = Payload(content_type="text/plain")
    body.write(text.encode())
    return ModelResponse(status, body, {"content-length": str(body.size_bytes), "content-type": "text/plain"})
