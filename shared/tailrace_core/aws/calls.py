"""AWS calls as values, and generators of them: the steps of an operation, written once.

An operation of the ledger or of the producer is a generator function that returns `Steps[T]`. It
does no IO itself. It yields a `Call`, and the driver (`run` or `run_async`) carries the call out
with its executor and sends the answer back as the value of the ``yield`` expression. The ``return``
value is the operation's result. A sync client (boto3), an async client (aioboto3) and a test with a
fake executor therefore share one implementation:

    def object_size(bucket: str, key: str) -> Steps[int | None]:
        try:
            # Yield a call to have it carried out; the answer is boto3's response.
            answer = yield Call("s3", "head_object", {"Bucket": bucket, "Key": key})
        except NotFoundError:
            # An executor raises errors of the `TailraceError` tree; they arrive at the yield.
            return None
        return answer["ContentLength"]

    size = run(object_size("bucket", "key"), execute)
    size = await run_async(object_size("bucket", "key"), execute_async)

Steps call other steps with ``yield from``, which passes calls, answers and errors through:

    def total_size(bucket: str, keys: Sequence[str]) -> Steps[int]:
        total = 0
        for key in keys:
            total += (yield from object_size(bucket, key)) or 0
        return total

Three rules hold. Steps see only errors of the `TailraceError` tree: any other exception of the
executor ends the driver, and the steps with it. Retries belong to the executor, which repeats a
single call (`tailrace_core.aws.retrying`). A generator runs once: call the function again to repeat
the operation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from tailrace_core.errors import TailraceError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an AWS client: boto3's names of service and method, and the keyword arguments."""

    service: str
    operation: str
    params: Mapping[str, Any]

    def client_params(self) -> Mapping[str, Any]:
        """Return the arguments for a client of boto3, which refuses a body that is a memoryview."""
        body = self.params.get("Body")
        return {**self.params, "Body": bytes(body)} if isinstance(body, memoryview) else self.params


@dataclass(frozen=True, slots=True)
class BodyCall(Call):
    """A call of S3 whose answer is the whole body, as bytes. Only the clients' executors know it.

    They read the body within the call's retries, so that a connection that breaks while reading is
    retried too.
    """


def with_bodies(execute: Callable[[Call], Any]) -> Callable[[Call], Any]:
    """Return an executor that answers a `BodyCall` too; a connection that breaks is not retried."""

    def executed(call: Call) -> Any:
        answer = execute(call)
        if not isinstance(call, BodyCall):
            return answer
        with closing(answer["Body"]) as body:
            return body.read()

    return executed


Steps: TypeAlias = Generator[Call, Any, T]
"""A generator that yields calls, receives answers (or a `TailraceError`), and returns a T."""


def run(steps: Steps[T], execute: Callable[[Call], Any]) -> T:
    """Run ``steps`` with an executor that returns an answer or raises a `TailraceError`.

    Returns the value that the steps return. The steps are closed in any case, so that their
    ``finally`` blocks run.

    Raises:
        TailraceError: the executor raised it, and the steps did not handle it.
    """
    try:
        call = next(steps)
        while True:
            try:
                answer = execute(call)
            except TailraceError as exc:
                call = steps.throw(exc)
            else:
                call = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        steps.close()


async def run_async(steps: Steps[T], execute: Callable[[Call], Awaitable[Any]]) -> T:
    """Run ``steps`` like `run`, with an executor that is awaited."""
    try:
        call = next(steps)
        while True:
            try:
                answer = await execute(call)
            except TailraceError as exc:
                call = steps.throw(exc)
            else:
                call = steps.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        steps.close()
