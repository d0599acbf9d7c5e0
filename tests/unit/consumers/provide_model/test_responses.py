"""Every event gets a response that CloudFormation can read, before the function's timeout."""

from __future__ import annotations

import json
import urllib.error
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace_consumers.provide_model.handler import RESERVE_S, respond_to
from tailrace_consumers.provide_model.resource_requests import MODEL, SOURCE
from tailrace_consumers.provide_model.response_url import MAX_SEND_S, TIMEOUT_S, TRIES, put, send_response
from tailrace_consumers.provide_model.responses import MAX_RESPONSE_BYTES, Failed, Succeeded, encode_response
from tailrace_consumers.provide_model.retrying import RetryUntil
from tailrace_consumers.provide_model.sagemaker_models import SageMakerModels
from tailrace_core.aws.calls import Call
from tailrace_core.errors import AccessDeniedError, ConfigurationError, TailraceError, TransientError
from tests.fakes.model_ports import Time
from tests.unit.consumers.provide_model.resource_requests import BY_IMAGE, BY_JOB, Provider, event, failed

URL = "https://bucket.s3.amazonaws.com/stack?X-Amz-Signature=secret"
ids = st.text(min_size=1, max_size=128)


@given(st.text(max_size=6000), ids)
def test_every_failure_fits_into_what_cloudformation_reads(reason: str, physical_id: str) -> None:
    body = encode_response(Failed(physical_id, reason), event("Create", MODEL))
    assert len(body) <= MAX_RESPONSE_BYTES
    found = json.loads(body)
    assert (found["Status"], found["PhysicalResourceId"]) == ("FAILED", physical_id)
    assert found["Reason"]


@pytest.mark.parametrize("letter", ["x", "é", "\x00", "\U0001f9ea", '"'])
def test_a_long_reason_is_cut_and_not_lost(letter: str) -> None:
    found = json.loads(encode_response(Failed("id", "because: " + letter * 9000), event("Create", MODEL)))
    assert len(found["Reason"]) > 20


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=3000), max_size=4))
def test_a_success_is_told_whole_or_not_at_all(attributes: dict[str, str]) -> None:
    body = encode_response(Succeeded("id", attributes), event("Create", SOURCE))
    found = json.loads(body)
    assert len(body) <= MAX_RESPONSE_BYTES
    assert found["Data"] == attributes if found["Status"] == "SUCCESS" else "4096" in found["Reason"]


def test_an_answer_names_the_request_that_it_is_for() -> None:
    asked = event("Create", MODEL)
    found = json.loads(encode_response(Succeeded("id"), asked))
    echoed = ("StackId", "RequestId", "LogicalResourceId")
    assert {name: found[name] for name in echoed} == {name: asked[name] for name in echoed}


class Refusing:
    """A URL that refuses the first ``times`` responses."""

    def __init__(self, times: int, error: OSError | None = None) -> None:
        self.left = times
        self.error = error or TimeoutError("timed out")
        self.taken: list[bytes] = []

    def put(self, url: str, body: bytes) -> None:
        assert url == URL
        if self.left:
            self.left -= 1
            raise self.error
        self.taken.append(body)


@pytest.mark.parametrize("times", range(TRIES))
def test_an_answer_that_is_not_taken_is_sent_again(times: int) -> None:
    address, time = Refusing(times), Time()
    send_response(URL, b"answer", put=address.put, sleep=time.sleep)
    assert address.taken == [b"answer"]


def test_sending_ends_and_lambda_hears_of_it_without_the_signature() -> None:
    forbidden = urllib.error.HTTPError(URL, 403, f"Forbidden {URL}", None, None)  # type: ignore[arg-type] # no headers
    address, time = Refusing(1000, forbidden), Time()
    with pytest.raises(TransientError, match=f"in {TRIES} tries: HTTPError 403") as given_up:
        send_response(URL, b"answer", put=address.put, sleep=time.sleep)
    forbidden.close()
    assert "secret" not in str(given_up.value)
    assert address.left == 1000 - TRIES
    assert sum(time.slept) + TRIES * TIMEOUT_S == MAX_SEND_S


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", ""])
def test_only_web_addresses_are_answered_at(url: str) -> None:
    with pytest.raises(ConfigurationError):
        put(url, b"answer")


@pytest.mark.parametrize("step_s", [0.0, 1.0, 13.0])
def test_patience_ends_at_the_deadline_whatever_is_tried(step_s: float) -> None:
    time = Time(step_s=step_s)
    retry_until = time.retry_until(100)

    def attempt() -> None:
        raise TransientError("no answer")

    with pytest.raises(TransientError, match="doing it, tried for"):
        retry_until.run("doing it", attempt)
    assert time.now_s <= retry_until.deadline + step_s


def test_no_patience_is_one_try() -> None:
    tried = []

    def attempt() -> None:
        tried.append(1)
        raise TransientError("no answer")

    with pytest.raises(TransientError):
        Time().retry_until(0).run("doing it", attempt)
    assert len(tried) == 1


@pytest.mark.parametrize("kind", [AccessDeniedError, TransientError])
def test_an_error_keeps_its_kind_and_its_words(kind: type[TailraceError]) -> None:
    provider = Provider(remaining_s=0)
    provider.aws.trouble["describe"] = [kind("the service's own words")]
    assert "the service's own words" in failed(provider.source(**BY_JOB)).reason


def breaking(error: BaseException) -> SageMakerModels:
    """SageMaker, of which every call raises ``error``."""

    def execute(_call: Call) -> NoReturn:
        raise error

    return SageMakerModels(execute)


MALFORMED: list[dict[str, Any]] = [
    {},
    {"RequestType": "Create"},
    {**event("Create", MODEL), "RequestType": "Destroy"},
    {**event("Create", MODEL), "StackId": "stack"},
    {**event("Create", MODEL), "StackId": None},
    {**event("Create", MODEL), "ResourceProperties": "x"},
    {**event("Create", MODEL), "ResourceProperties": ["x"]},
    {**event("Update", MODEL, "old"), "ResourceProperties": None},
    {**event("Delete", MODEL, "old"), "ResourceType": None},
]


@pytest.mark.parametrize("malformed", MALFORMED)
def test_an_event_that_makes_no_sense_is_answered(malformed: dict[str, Any]) -> None:
    answer = respond_to(malformed, breaking(RuntimeError("not reached")), 60.0)
    body = encode_response(answer, malformed)
    assert json.loads(body)["PhysicalResourceId"]
    if malformed.get("PhysicalResourceId"):
        assert answer.physical_id == "old"


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyError("Image"), MemoryError()])
@pytest.mark.parametrize("verb", ["Create", "Update", "Delete"])
def test_a_bug_is_a_failure_that_the_stack_hears_of(verb: str, error: BaseException) -> None:
    physical_id = None if verb == "Create" else "tailrace-x-0123456789abcdef"
    asked = event(verb, MODEL, physical_id, **BY_JOB, NamePrefix="tailrace-x")
    answer = failed(respond_to(asked, breaking(error), 60.0))
    assert type(error).__name__ in answer.reason
    assert answer.physical_id == (physical_id or "Model-was-not-made")


def test_when_time_runs_low_the_answer_is_not_put_off() -> None:
    # Only the reserve is left: one try, no wait.
    answer = failed(respond_to(event("Create", SOURCE, **BY_JOB), breaking(TransientError("no answer")), RESERVE_S))
    assert "no answer" in answer.reason


def test_a_default_patience_outlasts_what_iam_takes_to_spread() -> None:
    assert RetryUntil(clock=Time().clock, sleep=Time().sleep, deadline=0).propagation_s >= 30


def test_a_source_by_image_needs_no_time_at_all() -> None:
    assert isinstance(respond_to(event("Create", SOURCE, **BY_IMAGE), breaking(RuntimeError()), 0.0), Succeeded)
