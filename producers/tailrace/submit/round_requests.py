"""The request for a look at the rounds of a job that is scored by transform jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tailrace_core.aws.calls import Call
from tailrace_core.engines import Engine

if TYPE_CHECKING:
    from tailrace.aws.stacks import Stack
    from tailrace_core.aws.calls import Steps
    from tailrace_core.jobs.model import JobSettings

OUTPUT = "TransformsQueueUrl"
"""Output of stacks that run transform jobs."""


def ask_for_look(job_id: str, settings: JobSettings | None, stack: Stack) -> Steps[None]:
    """Have RunTransforms start a sealed job's first round, or stop the one of a closed job.

    Makes no call for the jobs of other engines.
    """
    if settings is None or settings.engine is not Engine.TRANSFORM:
        return
    # The fields of `tailrace_core.messages.rounds.RoundDue`, whose import would bring pydantic.
    message = {"schema_version": 1, "type": "RoundDue", "job_id": job_id, "checks": 0, "again": False}
    params = {"QueueUrl": stack.queue_url(OUTPUT), "MessageBody": json.dumps(message, separators=(",", ":"))}
    yield Call("sqs", "send_message", params)
