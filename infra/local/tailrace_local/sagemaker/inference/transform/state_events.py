"""EventBridge's events about transform jobs."""

import json
import logging
from typing import Any

from tailrace_local.sagemaker.clock import Clock, NewId
from tailrace_local.sagemaker.control.registry import Tags
from tailrace_local.sagemaker.errors import EmulatorError
from tailrace_local.sagemaker.fault_injection.hooks import FaultHooks
from tailrace_local.sagemaker.inference.transform.jobs import TransformJob
from tailrace_local.sagemaker.messages.invocations import Invocation
from tailrace_local.sagemaker.ports import EventBus, StateEvent

DETAIL_TYPE = "SageMaker Transform Job State Change"
_TIMES = ("CreationTime", "TransformStartTime", "TransformEndTime")
# Members of DescribeTransformJob's answer that AWS's example of the event has.
_DETAIL = (
    *("TransformJobName", "TransformJobArn", "TransformJobStatus", "FailureReason", "ModelName"),
    *("MaxConcurrentTransforms", "MaxPayloadInMB", "BatchStrategy", "Environment", "ModelClientConfig"),
    *("TransformInput", "TransformOutput", "TransformResources", "DataProcessing", *_TIMES),
)
_log = logging.getLogger(__name__)


class StateEvents:
    """Puts an event on the default bus at each change of a job's status.

    Fault plans treat an event like a notification whose inference id is the job's name.
    """

    def __init__(self, bus: EventBus, faults: FaultHooks, tags: Tags, clock: Clock, new_id: NewId) -> None:
        self._bus = bus
        self._faults = faults
        self._tags = tags
        self._clock = clock
        self._new_id = new_id

    async def announce(self, job: TransformJob) -> None:
        """Put the event of the job's present status. A bus that refuses it loses it."""
        detail = event_detail(job, {tag["Key"]: tag["Value"] for tag in self._tags.of(job.arn)})
        now = self._clock.time()
        about = Invocation(self._new_id(), job.name, job.name, None, now, now, 0.0)

        async def publish(text: str) -> None:
            await self._bus.put(StateEvent(DETAIL_TYPE, (job.arn,), text))

        try:
            await self._faults.around_notify(about, json.dumps(detail), publish)
        except EmulatorError as error:
            _log.warning("%s: an event is lost: %s", job.name, error)


def event_detail(job: TransformJob, tags: dict[str, str]) -> dict[str, Any]:
    """Return the event's `detail`. Times are milliseconds since the epoch."""
    shown = job.described()
    detail = {name: shown[name] for name in _DETAIL if name in shown}
    return detail | {name: round(detail[name] * 1000) for name in _TIMES if name in detail} | {"Tags": tags}
