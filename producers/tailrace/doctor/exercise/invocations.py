"""Invocations of the endpoint without a job, whose notifications are heard and recorded.

Their inference ids are none of a job's, so the consumers count them as `NotOurs` and drop them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from tailrace.doctor.deployment import Deployment
from tailrace.doctor.errors import finding_of
from tailrace.doctor.exercise.listening import Ear, listening
from tailrace.doctor.exercise.recording import BODY_BYTES, Recording, headers
from tailrace.doctor.exercise.trials import Trial, trials
from tailrace.doctor.findings import Finding, cannot_tell, fail, ok, warn
from tailrace_core.aws.calls import Call
from tailrace_core.errors import TailraceError

_POLL_S = 10


@dataclass
class _Sent:
    trial: Trial
    inference_id: str
    request: dict[str, Any]
    sent_at: float
    answer: Mapping[str, Any]
    envelope: dict[str, Any] = field(default_factory=dict)
    heard_at: float = 0.0

    @property
    def message(self) -> dict[str, Any]:
        """The notification inside SNS's envelope."""
        found: dict[str, Any] = json.loads(self.envelope["Message"])
        return found


class Exercise:
    """Sends trials to a stack's endpoint and judges what becomes of them.

    ``execute`` carries calls out; ``wait_s`` bounds the wait for all notifications together.
    ``name`` is unique to this run.
    """

    def __init__(
        self,
        stack: Deployment,
        execute: Callable[[Call], Any],
        recording: Recording,
        *,
        name: str,
        wait_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stack = stack
        self._execute = execute
        self._recording = recording
        self._name = name
        self._wait_s = wait_s
        self._clock = clock

    def run(self, row: bytes, content_type: str) -> Iterator[Finding]:
        """Yield a finding for each trial, and one for the endpoint that starts from zero."""
        if self._stack.kind != "async":
            seen = f"the exercise sends asynchronous requests, and the stack's EndpointKind is {self._stack.kind}"
            yield replace(cannot_tell(seen, advice="submit a small file with --wait"), check="exercise")
            return
        try:
            with listening(self._stack, f"tailrace-doctor-{self._name}", self._execute) as ear:
                idle = self._instances() == 0
                sent = [self._send(trial, content_type) for trial in trials(row, content_type)]
                self._await(sent, ear)
        except TailraceError as error:
            yield replace(finding_of(error), check="exercise")
            return
        if idle:
            yield replace(self._from_zero(sent), check="from-zero")
        for each in sent:
            self._record(each)
            yield replace(_judged(each, self._wait_s), check=each.trial.name)

    def _instances(self) -> int:
        asked = {"EndpointName": self._stack.endpoint}
        answer = self._execute(Call("sagemaker", "describe_endpoint", asked))
        return sum(each.get("CurrentInstanceCount", 0) for each in answer.get("ProductionVariants", ()))

    def _send(self, trial: Trial, content_type: str) -> _Sent:
        bucket = self._stack.output("Bucket")
        key = f"v1/jobs/doctor-{self._name}/input/{trial.name}.csv"
        if trial.body is not None:
            # Without a type in the request, the container sees the object's, or none.
            put = {"Bucket": bucket, "Key": key, "Body": trial.body, "ContentType": content_type}
            self._execute(Call("s3", "put_object", put))
        inference_id = f"doctor-{self._name}-{trial.name}"[:64]
        request: dict[str, Any] = {
            "EndpointName": self._stack.endpoint,
            "InputLocation": f"s3://{bucket}/{key}",
            "Accept": "text/csv",
            "InferenceId": inference_id,
        }
        if trial.content_type is not None:
            request["ContentType"] = trial.content_type
        sent_at = self._clock()
        answer = self._execute(Call("sagemaker-runtime", "invoke_endpoint_async", request))
        return _Sent(trial, inference_id, request, sent_at, answer)

    def _await(self, sent: list[_Sent], ear: Ear) -> None:
        deadline = self._clock() + self._wait_s
        missing = {each.inference_id: each for each in sent}
        while missing and self._clock() < deadline:
            for envelope in ear.hear(_POLL_S):
                found = missing.pop(json.loads(envelope["Message"]).get("inferenceId", ""), None)
                if found is not None:
                    found.envelope, found.heard_at = envelope, self._clock()

    def _from_zero(self, sent: list[_Sent]) -> Finding:
        heard = [each for each in sent if each.envelope]
        if not heard:
            return fail(f"the endpoint was at zero and answered nothing within {self._wait_s:.0f} s")
        took_s = min(each.heard_at for each in heard) - sent[0].sent_at
        return ok(f"the endpoint was at zero and gave its first answer after {took_s:.0f} s")

    def _record(self, sent: _Sent) -> None:
        self._recording.add(
            sent.trial.name,
            {
                "request": sent.request,
                "response": {"headers": headers(sent.answer), **_without_metadata(sent.answer)},
                "notification": sent.envelope,
                "object": self._object(sent),
                "uses": sent.trial.uses,
            },
        )

    def _object(self, sent: _Sent) -> dict[str, Any]:
        """Return headers and beginning of the answer's object, or why it cannot be read."""
        name = "OutputLocation" if _completed(sent) else "FailureLocation"
        location = urlsplit(sent.answer.get(name) or "")
        if not location.netloc:
            return {"reason": f"the response has no {name}"}
        asked = {"Bucket": location.netloc, "Key": location.path.lstrip("/"), "Range": f"bytes=0-{BODY_BYTES - 1}"}
        try:
            answer = self._execute(Call("s3", "get_object", asked))
            body = answer["Body"].read().decode(errors="replace")
        except TailraceError as error:
            return {"location": location.geturl(), "reason": str(error)}
        return {"location": location.geturl(), "headers": headers(answer), "body": body}


def _completed(sent: _Sent) -> bool:
    return bool(sent.envelope) and sent.message.get("invocationStatus") == "Completed"


def _without_metadata(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _judged(sent: _Sent, wait_s: float) -> Finding:
    uses = [f"uses {each}" for each in sent.trial.uses]
    if not sent.envelope:
        advice = "look at the endpoint (`tailrace doctor`), its log, and give a longer --wait"
        return cannot_tell(f"no notification within {wait_s:.0f} s", advice=advice)
    message, took_s = sent.message, sent.heard_at - sent.sent_at
    if _completed(sent):
        seen = f"scored in {took_s:.1f} s"
        if sent.trial.succeeds is not False:
            return replace(ok(seen), details=tuple(uses))
        advice = "rows that the model should refuse get predictions: check its validation"
        return warn(f"{seen}, although it should be refused", advice=advice, details=uses)
    seen = f"failed after {took_s:.1f} s: {message.get('failureReason', 'no reason given')}"
    if sent.trial.succeeds:
        advice = "give a row with --row that the model can score, and its --content-type"
        return fail(seen, advice=advice, details=uses)
    return replace(ok(seen), details=tuple(uses))
