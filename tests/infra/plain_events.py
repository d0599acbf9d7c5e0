"""Ordinary first events of the functions that no recording covers, with the answers to their calls.

The functions of files and of other engines handle them by their own handlers. Where the ledger is
asked, the job is not there any more: what is tried is what an artifact holds, not what a function
does.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from tailrace_consumers.files.count_stripe.service import CountStripe
from tailrace_core.jobs.settings import JobSettings
from tailrace_core.messages.rounds import RoundDue
from tailrace_core.messages.scoring import ScoreDue
from tailrace_core.submission.striping.manifest import SourceObject, plan_stripes
from tailrace_core.submission.striping.request import CuttingRequest, SourceName

JOB = "01JD0WAWQSRPH4P5HK2ZTF1J2N"
_BODY = "id,x\n1,2\n3,4\n5,6\n"
_SOURCE = SourceObject(bucket="lake", key="landing/a.csv", size_bytes=len(_BODY), etag='"e"')
_REQUEST = CuttingRequest(
    sources=(SourceName(bucket=_SOURCE.bucket, key=_SOURCE.key),),
    settings=JobSettings(endpoint_name="demand", stripe_bytes=1024),
    header="id,x",
).to_json()
(_STRIPE,) = plan_stripes([_SOURCE], 1024)
_TASK = {"job_id": JOB, "dry_run": False, "checkpoint": None}


def _s3(operation: str, **answer: Any) -> dict[str, Any]:
    return {"service": "s3", "operation": operation, "answer": answer}


def _ledger(operation: str, **answer: Any) -> dict[str, Any]:
    return {"service": "dynamodb", "operation": operation, "answer": answer}


def _message(body: str) -> dict[str, Any]:
    return {"Records": [{"messageId": "1", "body": body}]}


def _listed() -> dict[str, Any]:
    answers = [
        _s3("get_object", Body=_REQUEST),
        _s3("head_object", ContentLength=_SOURCE.size_bytes, ETag=_SOURCE.etag),
        _s3("put_object"),
    ]
    return {"event": _TASK, "answers": answers, "expected": {"done": True}}


def _counted() -> dict[str, Any]:
    answers = [_s3("get_object", Body=_REQUEST), _s3("get_object", Body=_BODY), _s3("put_object")]
    stripe = json.loads(_STRIPE.to_json())
    return {"event": {**_TASK, "stripe": stripe}, "answers": answers, "expected": {"done": True}}


class _Store:
    """Keeps the one object that CountStripe writes."""

    written = ""

    def read(self, _: str) -> Iterator[bytes]:
        yield _REQUEST.encode()

    def put_manifest(self, _: str, body: bytes) -> None:
        self.written = body.decode()


def _summed() -> dict[str, Any]:
    store: Any = _Store()

    def blocks(_: SourceObject, start: int, stop: int | None) -> Generator[bytes, None, None]:
        yield _BODY.encode()[start:stop]

    reading = CountStripe(store, blocks)
    reading.count(JOB, [_STRIPE], None, lambda: False)
    answers = [_s3("get_object", Body=body) for body in (_REQUEST, f"{_STRIPE.to_json()}\n", store.written)]
    expected = {"done": True, "rows_total": 3, "objects": 1, "size_bytes": len(_BODY), "stripes": 1}
    return {"event": _TASK, "answers": [*answers, _s3("put_object")], "expected": expected}


def events() -> dict[str, dict[str, Any]]:
    """Return for each function an ``event``, the ``answers`` to its calls, and what is ``expected`` of it."""
    start = {"stripe": 0, "first_row": 0, "rows": 3, "of_several": False, "is_last": True, "ranges": []}
    gone = _ledger("get_item")
    hidden = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-01-01T00:00:00Z",
        "detail": {
            "bucket": {"name": "bucket"},
            "object": {"key": "v1/inbox/_hidden", "etag": "e", "size": 1, "sequencer": "0A"},
        },
    }
    due = {"EndpointName": "demand", "InputLocation": "s3://b/k", "InferenceId": "nobody's", "SentAt": 1.0}
    handled: dict[str, Any] = {"batchItemFailures": []}
    return {
        "ListStripes": _listed(),
        "CountStripe": _counted(),
        "SumStripes": _summed(),
        "SealCutting": {
            "event": {**_TASK, "sum": {"rows_total": 3}}, "answers": [gone, gone], "raises": "NotFoundError",
            "expected": f"job {JOB} is not in the ledger any more",
        },
        "CutStripe": {"event": {**_TASK, "stripe": start}, "answers": [gone], "expected": {"done": True}},
        "FailCutting": {"event": {**_TASK, "Error": "E", "Cause": "c"}, "answers": [gone], "expected": {}},
        "StartJobs": {"event": _message(json.dumps(hidden)), "answers": [], "expected": handled},
        "DeliverResults": {
            "event": _message(json.dumps({"type": "DeliveryDue", "schema_version": 1, "job_id": JOB})),
            "answers": [gone],
            "expected": handled,
        },
        "ScoreChunks": {
            "event": _message(ScoreDue.model_validate(due).to_json()), "answers": [], "expected": handled,
        },
        "RunTransforms": {
            "event": _message(RoundDue(job_id=JOB).to_json()), "answers": [gone, gone], "expected": handled,
        },
    }  # fmt: skip


def write(folder: Path) -> None:
    """Write ``<function>.json`` for each function."""
    for function, recording in events().items():
        (folder / f"{function}.json").write_text(json.dumps({"environment": {}, "whole": True, **recording}))
