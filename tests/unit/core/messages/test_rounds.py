"""Messages to RunTransforms: our own, SageMaker's events, and anything else."""

from __future__ import annotations

import json

import pytest

from tailrace_core.errors import MessageError
from tailrace_core.messages.rounds import STATE_CHANGE, RoundDue, TransformJobEvent, decode_round_message
from tests.unit.core.strategies import JOB

EVENT = {
    "version": "0",
    "id": "29f939a9-3cce-a8e1-24c7-3d8db2861245",
    "detail-type": STATE_CHANGE,
    "source": "aws.sagemaker",
    "region": "eu-west-1",
    "detail": {"TransformJobName": "j-r1", "TransformJobStatus": "Failed", "CreationTime": 1_696_427_182_554},
}


def test_an_event_of_the_service_is_read_whatever_else_it_holds() -> None:
    found = decode_round_message(json.dumps(EVENT))
    assert isinstance(found, TransformJobEvent)
    assert (found.detail.name, found.detail.status) == ("j-r1", "Failed")


def test_a_request_for_a_look_is_read_as_it_was_written() -> None:
    message = RoundDue(job_id=JOB, checks=3, again=True)
    assert decode_round_message(message.to_json()) == message
    assert decode_round_message(json.dumps({"job_id": JOB})) == RoundDue(job_id=JOB)


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", json.dumps({**EVENT, "detail-type": "SageMaker Training Job State Change"}), '{"detail-type": 1}'],
)
def test_anything_else_is_no_message(body: str) -> None:
    with pytest.raises(MessageError):
        decode_round_message(body)
