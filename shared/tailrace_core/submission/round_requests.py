"""The request for a look at the rounds of a job that is scored by transform jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tailrace_core.aws.calls import Call
from tailrace_core.engines import Engine
from tailrace_core.errors import ConfigurationError

if TYPE_CHECKING:
    from tailrace_core.aws.calls import Steps
    from tailrace_core.jobs.model import JobSettings
    from tailrace_core.submission.resources import Resources


def ask_for_look(job_id: str, settings: JobSettings | None, resources: Resources) -> Steps[None]:
    """Have RunTransforms start a sealed job's first round, or stop the one of a closed job.

    Makes no call for the jobs of other engines.

    Raises:
        ConfigurationError: the pipeline runs no transform jobs.
    """
    if settings is None or settings.engine is not Engine.TRANSFORM:
        return
    if resources.transforms_queue is None:
        raise ConfigurationError("the stack has no output TransformsQueueUrl; deploy the current template")
    # The fields of `tailrace_core.messages.rounds.RoundDue`, whose import would bring pydantic.
    message = {"schema_version": 1, "type": "RoundDue", "job_id": job_id, "checks": 0, "again": False}
    params = {"QueueUrl": resources.transforms_queue, "MessageBody": json.dumps(message, separators=(",", ":"))}
    yield Call("sqs", "send_message", params)
