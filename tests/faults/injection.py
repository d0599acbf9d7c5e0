"""Fault injection: the faults possible at each call, their schedule, and faulty processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from botocore.exceptions import EndpointConnectionError, IncompleteReadError, ReadTimeoutError

from tailrace_core.aws.calls import Call
from tailrace_core.aws.errors import translate_exception, translate_response
from tailrace_core.aws.retrying import DEFAULT_POLICY, RetryPolicy, retrying
from tailrace_core.errors import TailraceError
from tests.faults.memory_aws.cloud import Cloud

READ = "read_body"
_STREAMED = frozenset({"get_object", "invoke_endpoint"})


class Crash(BaseException):
    """The process dies. A BaseException, so that no error handling catches it."""


class FaultKind(StrEnum):
    """Kind of fault at a call."""

    REFUSED = "refused, then tried again"
    REPLY_LOST = "reply lost, then tried again"
    CONFLICT = "conflict, then tried again"
    UNREACHABLE = "refused until the caller gives up"
    REPLY_GONE = "reply lost, and the caller gives up"
    THROTTLED = "throttled until the caller gives up"
    DEATH_BEFORE = "death before"
    DEATH_AFTER = "death after"


RETRIED = frozenset({FaultKind.REFUSED, FaultKind.REPLY_LOST, FaultKind.CONFLICT})
"""Kinds that the caller survives: its own retry of the call follows."""
_WRITES = frozenset({"update_item", "transact_write_items"})


def fault_kinds_of(call: str) -> tuple[FaultKind, ...]:
    """Return the kinds of fault possible at a call, named ``service.operation``."""
    service, _, operation = call.partition(".")
    if operation == READ:
        return (FaultKind.UNREACHABLE, FaultKind.DEATH_BEFORE)
    reads = operation.startswith(("get_", "head_", "describe_", "query", "batch_get_"))
    kinds = [FaultKind.UNREACHABLE, FaultKind.DEATH_BEFORE]
    if not reads:
        kinds += [FaultKind.REFUSED, FaultKind.REPLY_LOST, FaultKind.REPLY_GONE, FaultKind.DEATH_AFTER]
    if operation in _WRITES:
        kinds.append(FaultKind.CONFLICT)
    if service == "sagemaker-runtime":
        kinds.append(FaultKind.THROTTLED)
    return tuple(kinds)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at the call numbered ``at`` (from 0) of the processes that match the schedule."""

    at: int
    kind: FaultKind


@dataclass
class Schedule:
    """A schedule of faults over the numbered calls of processes with ``role`` (all if None)."""

    faults: tuple[Fault, ...] = ()
    role: str | None = None
    calls: list[str] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    """Number of calls made at each start of a task of the role: a message, a tick, a submit."""
    fired: list[Fault] = field(default_factory=list)
    before_call: Callable[[str, str], None] | None = None
    """Called before each call with role and call; may block, run other actions, or raise
    `Crash`."""

    def begin(self, role: str) -> None:
        """Record that a process begins a task that it repeats from the start on failure."""
        if self.role in {None, role}:
            self.begun.append(len(self.calls))

    def skip(self, role: str, clean: Schedule) -> bool:
        """Record a role's first calls as made in ``clean``; False if a fault is planned at one."""
        if self.role not in {None, role}:
            return True
        if any(fault.at < len(clean.calls) for fault in self.faults):
            return False
        self.calls += clean.calls
        self.begun += clean.begun
        return True

    def next(self, role: str, call: str) -> FaultKind | None:
        """Record a call; return the kind of fault at it, if any."""
        if self.before_call is not None:
            self.before_call(role, call)
        if self.role is not None and role != self.role:
            return None
        number = len(self.calls)
        self.calls.append(call)
        for fault in self.faults:
            # A call made only after an earlier fault may be of a type at which this fault cannot
            # happen.
            if fault.at == number and fault.kind in fault_kinds_of(call):
                self.fired.append(fault)
                return fault.kind
        return None


class Process:
    """A running function or producer. After its death, none of its calls reaches a service."""

    def __init__(self, cloud: Cloud, role: str, schedule: Schedule) -> None:
        self._cloud = cloud
        self.role = role
        self._schedule = schedule
        self._pending: FaultKind | None = None
        self.dead = False

    def retrying_executor(
        self, execute: Callable[[Call], Any], *, policy: RetryPolicy = DEFAULT_POLICY
    ) -> Callable[[Call], Any]:
        """Wrap ``execute`` with the production retries and faults inside and outside them."""
        retried = retrying(
            lambda call: self._once(execute, call), policy=policy, sleep=lambda _: None, jitter=lambda: 0.5
        )

        def perform(call: Call) -> Any:
            self._check()
            name = f"{call.service}.{call.operation}"
            kind = self._schedule.next(self.role, name)
            return self._with_body(call, self._perform(kind, retried, call, name))

        return perform

    def _perform(self, kind: FaultKind | None, execute: Callable[[Call], Any], call: Call, name: str) -> Any:
        if kind is None:
            return execute(call)
        if kind in RETRIED:
            self._pending = kind
            return execute(call)
        if kind is FaultKind.DEATH_BEFORE:
            self._die()
        if kind is FaultKind.UNREACHABLE:
            raise _unreachable(name)
        if kind is FaultKind.THROTTLED:
            raise translate_response(_answer("ThrottlingException", 429), name)
        if kind is FaultKind.DEATH_AFTER:
            try:
                execute(call)
            finally:
                # Also after a call that was refused, such as a write that another was faster with.
                self._die()
        answer = execute(call)
        raise _no_reply(name) if kind is FaultKind.REPLY_GONE else AssertionError(f"{answer} of {kind}")

    def _once(self, execute: Callable[[Call], Any], call: Call) -> Any:
        kind, self._pending = self._pending, None
        name = f"{call.service}.{call.operation}"
        if kind is FaultKind.REFUSED:
            raise _unreachable(name)
        if kind is FaultKind.CONFLICT:
            raise _conflict(call, name)
        answer = execute(call)
        if kind is FaultKind.REPLY_LOST:
            raise _no_reply(name)
        return answer

    def _with_body(self, call: Call, answer: Any) -> Any:
        if call.operation not in _STREAMED or not isinstance(answer, dict):
            return answer
        return {**answer, "Body": _Body(answer["Body"], partial(self._read, call.service))}

    def _read(self, service: str, body: Any, size: int | None) -> bytes:
        self._check()
        kind = self._schedule.next(self.role, f"{service}.{READ}")
        if kind is FaultKind.DEATH_BEFORE:
            self._die()
        if kind is FaultKind.UNREACHABLE:
            raise IncompleteReadError(actual_bytes=0, expected_bytes=1)
        data: bytes = body.read(size)
        return data

    def _check(self) -> None:
        if self.dead:
            raise Crash

    def _die(self) -> None:
        self.dead = True
        raise Crash


@dataclass(frozen=True)
class _Body:
    body: Any
    read_through: Callable[[Any, int | None], bytes]

    def read(self, size: int | None = None) -> bytes:
        return self.read_through(self.body, size)

    def close(self) -> None:
        self.body.close()


def _unreachable(name: str) -> TailraceError:
    return translate_exception(EndpointConnectionError(endpoint_url="https://memory"), name)


def _no_reply(name: str) -> TailraceError:
    return translate_exception(ReadTimeoutError(endpoint_url="https://memory"), name)


def _answer(code: str, status: int, **extra: Any) -> dict[str, Any]:
    return {
        "Error": {"Code": code, "Message": "injected"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
        **extra,
    }


def _conflict(call: Call, name: str) -> TailraceError:
    if call.operation == "update_item":
        return translate_response(_answer("TransactionConflictException", 400), name)
    reasons = [{"Code": "TransactionConflict"}, *({"Code": "None"} for _ in call.params["TransactItems"][1:])]
    return translate_response(_answer("TransactionCanceledException", 400, CancellationReasons=reasons), name)
