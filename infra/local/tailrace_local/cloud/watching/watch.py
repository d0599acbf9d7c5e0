"""Metrics, alarms and scaling, put together and run by one thread."""

from __future__ import annotations

import importlib
import logging
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from tailrace_local.autoscaling import Scaler, ScalingApi
from tailrace_local.autoscaling.clients import CloudWatchAlarms, EndpointCapacity
from tailrace_local.autoscaling.cloudformation import PolicyType, TargetType
from tailrace_local.autoscaling.operations import Operations
from tailrace_local.autoscaling.ports import ScalingError
from tailrace_local.autoscaling.records import Records
from tailrace_local.cloud.emulators import ResourceHandlers
from tailrace_local.cloud.watching.alarms import MiniStackAlarms
from tailrace_local.cloud.watching.composites import CompositeType
from tailrace_local.cloud.watching.functions import Execute, MeasuredFunctions
from tailrace_local.cloud.watching.ministack import WatchedMiniStack
from tailrace_local.cloudwatch import Evaluator, State

_log = logging.getLogger("tailrace.cloud.watching")
_LOOKS_A_PERIOD = 60
_LEAST_PAUSE_S = 0.1
_QUEUES_EVERY_S = 30.0
_KEPT_S = 6 * 3600.0


class Watch:
    """Watches one cloud. ``speed`` says how many seconds of a period or a cooldown pass in one."""

    def __init__(self, *, region: str, account_id: str, endpoint_url: str, speed: float) -> None:
        self._speed = speed
        self._ministack = WatchedMiniStack(region, account_id)
        session = importlib.import_module("boto3").Session(account_id, "local", region_name=region)
        self._cloudwatch = session.client("cloudwatch", endpoint_url=endpoint_url)
        capacity = EndpointCapacity(session.client("sagemaker", endpoint_url=endpoint_url))
        self._records = Records()
        new_id = lambda: str(uuid.uuid4())  # noqa: E731 - one name for both
        self._scaler = Scaler(self._records, capacity, now=time.time, new_id=new_id, speed=speed)
        arn = f"arn:aws:application-autoscaling:{region}:{account_id}"
        alarms = CloudWatchAlarms(self._cloudwatch)
        operations = Operations(self._records, self._scaler, alarms, arn=arn, now=time.time, new_id=new_id)
        self.scaling = ScalingApi(operations.table())
        self._alarms = MiniStackAlarms(self._ministack, self._scale)
        self._evaluator = Evaluator(self._ministack, self._alarms, speed=speed)
        self._queues_put_s = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def install(self) -> None:
        """Take the emulator's own evaluation and counting out."""
        self._ministack.leave_evaluation_to(self._alarms.dispatch)
        self._ministack.take_metric_math()
        self._ministack.count_functions_ourselves()

    def measured(self, execute: Execute) -> Execute:
        """The same, with the metrics of each invocation put."""
        return MeasuredFunctions(execute, self._ministack.put).execute

    def cloudformation_handlers(self) -> Mapping[str, ResourceHandlers]:
        """The types that belong to watching."""
        return {
            "AWS::ApplicationAutoScaling::ScalableTarget": TargetType(self.scaling.call),
            "AWS::ApplicationAutoScaling::ScalingPolicy": PolicyType(self.scaling.call),
            "AWS::CloudWatch::CompositeAlarm": CompositeType(self._cloudwatch),
        }

    def start(self) -> None:
        """Start to look."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the look at work."""
        self._ending.set()
        self._thread.join(timeout=10)

    def status(self) -> dict[str, Any]:
        """What speaks, and what was scaled last. From any thread of the server."""
        self._ministack.enter()
        every = [*self._ministack.alarms(), *self._ministack.composites()]
        alarmed = [each for each in every if each["StateValue"] == State.ALARM]
        recent = list(self._records.activities)[-5:]
        return {
            "alarms": {
                "count": len(every),
                "in_alarm": [{"name": each["AlarmName"], "reason": each["StateReason"]} for each in alarmed],
            },
            "scaling": [
                {
                    "target": each.target[1],
                    "from": each.before,
                    "to": each.after,
                    "status": each.status,
                    "cause": each.cause,
                }
                for each in recent
            ],
        }

    def _run(self) -> None:
        self._ministack.enter()
        pause_s = max(_LEAST_PAUSE_S, 60.0 / _LOOKS_A_PERIOD / self._speed)
        while not self._ending.wait(pause_s):
            try:
                self._look(time.time())
            except Exception:  # noqa: BLE001 - the next look comes: silence would look like OK
                _log.exception("a look at the alarms failed")

    def _look(self, now_s: float) -> None:
        if now_s - self._queues_put_s >= _QUEUES_EVERY_S / self._speed:
            self._queues_put_s = now_s
            self._put_queues(now_s)
            self._ministack.forget_before(now_s - _KEPT_S)
        self._evaluator.look(now_s)

    def _put_queues(self, now_s: float) -> None:
        for queue in self._ministack.depths(now_s):
            values = {
                "ApproximateNumberOfMessagesVisible": (queue.visible, "Count"),
                "ApproximateNumberOfMessagesNotVisible": (queue.in_flight, "Count"),
                "ApproximateNumberOfMessagesDelayed": (queue.delayed, "Count"),
                "ApproximateAgeOfOldestMessage": (queue.oldest_age_s, "Seconds"),
            }
            for name, (value, unit) in values.items():
                self._ministack.put("AWS/SQS", name, {"QueueName": queue.name}, [float(value)], unit, now_s)

    def _scale(self, policy_arn: str, alarm: str, value: float | None, threshold: float) -> None:
        try:
            self._scaler.alarmed(policy_arn, alarm, value, threshold)
        except ScalingError as error:
            _log.warning("alarm %s could not scale: %s", alarm, error)
