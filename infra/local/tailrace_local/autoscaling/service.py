"""The service as a whole: its API, its CloudFormation types, and its background work."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping

from tailrace_local.autoscaling.api import ScalingApi
from tailrace_local.autoscaling.arns import Arns
from tailrace_local.autoscaling.cloudformation import ScalableTargetType, ScalingPolicyType
from tailrace_local.autoscaling.operations import Operations
from tailrace_local.autoscaling.ports import AlarmClient, Capacity
from tailrace_local.autoscaling.records import Activity, Records
from tailrace_local.autoscaling.scaler import Scaler
from tailrace_local.autoscaling.scheduled_actions import ScheduledActions
from tailrace_local.emulator_base.pace import Pace
from tailrace_local.emulator_base.resources import ResourceHandlers

RECENT = 5


class Scaling:
    """Application Auto Scaling of one account and region.

    `api` is an ASGI application. The evaluator of alarms calls `handle_alarm` for alarms whose
    action is a policy, once a minute while they are in ALARM, and `run_due` every second or so.
    """

    def __init__(
        self,
        arns: Arns,
        capacity: Capacity,
        alarms: AlarmClient,
        *,
        pace: Pace | None = None,
        now: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._records = Records()
        self._scaler = Scaler(self._records, capacity, now=now, new_id=new_id, pace=pace)
        self._scheduled = ScheduledActions(self._records, self._scaler, arns, now=now, new_id=new_id)
        operations = Operations(self._records, self._scaler, alarms, self._scheduled, arns=arns, now=now, new_id=new_id)
        self.api = ScalingApi(operations.table())

    def handle_alarm(self, policy_arn: str, alarm: str, value: float | None, threshold: float) -> Activity | None:
        """Handle an alarm that is in ALARM with this value; returns the activity.

        Raises ScalingError.
        """
        return self._scaler.handle_alarm(policy_arn, alarm, value, threshold)

    def run_due(self, now_s: float) -> None:
        """Carry out scheduled actions that are due, and complete activities."""
        self._scaler.update_activities()
        self._scheduled.run_due(now_s)

    def recent(self) -> list[Activity]:
        """Return the latest activities, oldest first."""
        return list(self._records.activities)[-RECENT:]

    def cloudformation_handlers(self) -> Mapping[str, ResourceHandlers]:
        """Return the handlers of the service's CloudFormation types."""
        return {
            "AWS::ApplicationAutoScaling::ScalableTarget": ScalableTargetType(self.api.call).handlers(),
            "AWS::ApplicationAutoScaling::ScalingPolicy": ScalingPolicyType(self.api.call).handlers(),
        }
