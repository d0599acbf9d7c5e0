"""Golden notifications of ScoreChunks: it writes them so, and the other functions read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tailrace_consumers.chunks.lookup import identify_attempt
from tailrace_consumers.score_chunks.notifications import completed, failed
from tailrace_core.aws.model_errors import refused_by_model
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import FailureClass
from tailrace_core.jobs.identities import InferenceId
from tailrace_core.messages.notifications import decode_notification
from tailrace_core.messages.scoring import ScoreDue

GOLDEN = Path(__file__).parent / "golden"
REQUEST = (Path(__file__).parents[1] / "core" / "golden" / "ScoreDue.json").read_text(encoding="utf-8")
ANSWERED_AT = 1_769_381_161.205


@pytest.mark.parametrize("name", ["scored", "refused"])
def test_a_notification_is_written_and_read_as_it_was(name: str) -> None:
    request, golden = ScoreDue.model_validate_json(REQUEST), (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    output = f"s3://tailrace-bucket/v1/outputs/{request.inference_id}.out"
    reason = refused_by_model(400, "line 1, column price: 'x' is not a number")
    written = (
        completed(request, ANSWERED_AT, output, "text/csv; charset=utf-8")
        if name == "scored"
        else failed(request, ANSWERED_AT, reason)
    )
    assert json.loads(written) == json.loads(golden)
    read = decode_notification(golden)
    found = identify_attempt(read, "demand", succeeded=name == "scored")
    assert found == InferenceId.parse(request.inference_id)
    assert read.response.output_location == (output if name == "scored" else None)
    assert (read.failure_reason is None) is (name == "scored")
    assert name == "scored" or classify(read.failure_reason) is FailureClass.DATA
