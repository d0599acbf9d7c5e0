"""Containers in a row: each gets the answer of the one before, and the last one answers the caller."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tailrace_local.sagemaker.inference.serial_pipeline import invoke_pipeline
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ModelResponse

ASKED = {"Content-Type": "text/csv", "Accept": "application/json", "X-Amzn-SageMaker-Custom-Attributes": "a=1"}


class Row:
    """Containers that append their names; `refusing` is the one that answers 400."""

    def __init__(self, refusing: str = "") -> None:
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self._refusing = refusing

    async def ping(self, url: str) -> bool:
        return bool(url)

    async def execution_parameters(self, url: str) -> Mapping[str, Any]:
        return {"url": url}

    async def invoke(self, url: str, headers: Mapping[str, str], body: Payload) -> ModelResponse:
        self.calls.append((url, dict(headers), body.read()))
        answered = Payload(content_type=f"application/{url}")
        answered.write(body.read() + url.encode())
        return ModelResponse(400 if url == self._refusing else 200, answered)


def call(row: Row, *urls: str) -> tuple[int, bytes]:
    with Payload() as body:
        body.write(b"rows ")
        answer = asyncio.run(invoke_pipeline(row, urls, ASKED, body))
    with answer.body as answered:
        return answer.status, answered.read()


def test_one_container_gets_what_the_caller_sent() -> None:
    row = Row()
    assert call(row, "only") == (200, b"rows only")
    assert row.calls == [("only", ASKED, b"rows ")]


def test_each_gets_the_answer_of_the_one_before_and_the_type_that_it_said() -> None:
    row = Row()
    assert call(row, "a", "b", "c") == (200, b"rows abc")
    assert [(url, headers["Content-Type"], body) for url, headers, body in row.calls] == [
        ("a", "text/csv", b"rows "),
        ("b", "application/a", b"rows a"),
        ("c", "application/b", b"rows ab"),
    ]
    assert {headers["X-Amzn-SageMaker-Custom-Attributes"] for _, headers, _ in row.calls} == {"a=1"}


@pytest.mark.parametrize("count", [2, 3])
def test_what_the_caller_accepts_is_for_the_last_to_answer(count: int) -> None:
    row = Row()
    call(row, *"abc"[:count])
    assert [headers.get("Accept") for _, headers, _ in row.calls] == [*[None] * (count - 1), "application/json"]


def test_a_refusal_ends_it() -> None:
    row = Row(refusing="b")
    assert call(row, "a", "b", "c") == (400, b"rows ab")
    assert [url for url, _, _ in row.calls] == ["a", "b"]
