"""Metrics, alarms and scaling, put together and run by one thread."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from tailrace_local.autoscaling import Arns, Scaling
from tailrace_local.autoscaling.clients import CloudWatchAlarms, EndpointCapacity
from tailrace_local.cloud.ministack.account_scope import AccountScope
from tailrace_local.cloud.ministack.cloudwatch.alarms import MiniStackAlarms
from tailrace_local.cloud.ministack.cloudwatch.api import CloudWatchApi
from tailrace_local.cloud.ministack.cloudwatch.metrics import MiniStackMetrics
from tailrace_local.cloud.ministack.events import check_target_queues
from tailrace_local.cloud.ministack.functions import Execute
from tailrace_local.cloud.ministack.queues import MiniStackQueues
from tailrace_local.cloud.monitoring.alarm_actions import AlarmActions
from tailrace_local.cloud.monitoring.composite_alarms import CompositeAlarmType
from tailrace_local.cloud.monitoring.function_metrics import MeteredFunctions
from tailrace_local.cloud.monitoring.queue_metrics import QueueMetrics
from tailrace_local.cloud.services import Service
from tailrace_local.cloudwatch import Evaluator, State
from tailrace_local.emulator_base.pace import Pace
from tailrace_local.emulator_base.resources import ResourceHandlers

_log = logging.getLogger("tailrace.cloud.monitoring")
_PAUSE_S = 1.0
_LEAST_PAUSE_S = 0.05
_KEPT_S = 6 * 3600.0
_MINUTE_S = 60.0


class Monitor:
    """Publishes metrics, evaluates alarms and scales, by one thread and at the given pace."""

    def __init__(self, *, region: str, account_id: str, secret_access_key: str, endpoint_url: str, pace: Pace) -> None:
        self._pace = pace
        self._scope = AccountScope(region, account_id)
        self._metrics = MiniStackMetrics()
        self._account_id = account_id
        self._queues = MiniStackQueues(account_id)
        self._stored_alarms = MiniStackAlarms(account_id)
        self._api = CloudWatchApi()
        session = importlib.import_module("boto3").Session(account_id, secret_access_key, region_name=region)
        self._cloudwatch = session.client("cloudwatch", endpoint_url=endpoint_url)
        self._scaling = Scaling(
            Arns(session.get_partition_for_region(region), region, account_id),
            EndpointCapacity(session.client("sagemaker", endpoint_url=endpoint_url)),
            CloudWatchAlarms(self._cloudwatch),
            pace=pace,
        )
        self._alarm_actions = AlarmActions(
            self._stored_alarms, self._scaling.handle_alarm, self._scope.enter, region=region, account_id=account_id
        )
        self._evaluator = Evaluator(self._metrics, self._alarm_actions, pace=pace)
        self._queue_metrics = QueueMetrics(self._queues, self._metrics.put)
        self._measured: tuple[float, int] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    @property
    def scaling(self) -> Service:
        """Application Auto Scaling's API."""
        return self._scaling.api

    def install(self) -> None:
        """Replace MiniStack's own evaluation of alarms and counting of metrics."""
        self._api.install()
        self._stored_alarms.stop_evaluation(self._alarm_actions.dispatch)
        self._stored_alarms.accept_metric_math()
        self._metrics.stop_counting_functions()
        self._queues.count_traffic()
        check_target_queues(self._account_id, self._queues.queues)

    def metered(self, execute: Execute) -> Execute:
        """Wrap an executor of functions so that it publishes the metrics of each invocation."""
        return MeteredFunctions(execute, self._metrics.put).execute

    def cloudformation_handlers(self) -> Mapping[str, ResourceHandlers]:
        """Return the handlers of the CloudFormation types for scaling and composite alarms."""
        return {
            **self._scaling.cloudformation_handlers(),
            "AWS::CloudWatch::CompositeAlarm": CompositeAlarmType(self._cloudwatch).handlers(),
        }

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after its current evaluation."""
        self._stopping.set()
        self._thread.join(timeout=10)
        self._alarm_actions.close()

    def status(self) -> dict[str, Any]:
        """Return the depths of queues, the alarms and the latest scaling activities.

        From any thread of the server.
        """
        self._scope.enter()
        every = [*self._stored_alarms.described(), *self._stored_alarms.composites()]
        alarmed = [each for each in every if each["StateValue"] == State.ALARM]
        return {
            "queues": [
                {"name": each.name, "visible": each.visible, "in_flight": each.in_flight, "delayed": each.delayed}
                for each in self._queues.depths(time.time())
            ],
            "time_scale": self._pace.time_scale,
            "alarms": {
                "count": len(every),
                "in_alarm": [{"name": each["AlarmName"], "reason": each["StateReason"]} for each in alarmed],
            },
            "scaling": [
                {
                    "target": each.target[1],
                    "from": each.before,
                    "to": each.after,
                    "status": str(each.status),
                    "cause": each.cause,
                }
                for each in self._scaling.recent()
            ],
        }

    def _run(self) -> None:
        self._scope.enter()
        while not self._stopping.wait(max(_LEAST_PAUSE_S, self._pace.seconds(_PAUSE_S))):
            try:
                self._tick(time.time())
            except Exception:  # noqa: BLE001 - evaluation goes on: without it alarms would stay OK
                _log.exception("an evaluation of the alarms failed")

    def _tick(self, now_s: float) -> None:
        minute_s = self._pace.seconds(_MINUTE_S)
        turn = int(now_s // minute_s)
        if self._measured != (minute_s, turn):
            self._measured = minute_s, turn
            # The values belong to the minute that has just ended, which is evaluated next.
            self._queue_metrics.put(now_s, (turn - 0.5) * minute_s)
            self._metrics.drop_before(now_s - _KEPT_S)
        self._scaling.run_due(now_s)
        self._evaluator.evaluate_due(now_s)
