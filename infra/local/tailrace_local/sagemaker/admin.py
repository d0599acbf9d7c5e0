"""Admin API for what AWS has no API for: instances, the queue, AutoML results, faults."""

import json
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.control.auto_ml_jobs import AutoMLJobs
from tailrace_local.sagemaker.control.registry import Table
from tailrace_local.sagemaker.errors import ApiError, EmulatorError
from tailrace_local.sagemaker.fault_injection.hooks import FaultHooks
from tailrace_local.sagemaker.fault_injection.plan import FaultPlan
from tailrace_local.sagemaker.fault_injection.planned_faults import PlannedFaults
from tailrace_local.sagemaker.hosting.endpoints import Deployment, Endpoint
from tailrace_local.sagemaker.hosting.instances import Instance
from tailrace_local.sagemaker.ports import Notifier

ShownJobs = Callable[[], list[dict[str, Any]]]
PREFIX = "/_tailrace/sagemaker/"
_PATHS = (
    *("endpoints", "endpoints/<name>", "endpoints/<name>/kill", "endpoints/<name>/notifications"),
    *("auto-ml-jobs", "auto-ml-jobs/<name>", "transform-jobs", "faults[/log]"),
)


class AdminApi:
    """Serves the emulator's admin API under `PREFIX`.

    - `GET endpoints`, `GET endpoints/<name>`: instances, their URLs, the queue;
    - `POST endpoints/<name>/kill`: send SIGKILL to its model servers;
    - `POST endpoints/<name>/notifications`: publish `message` (any JSON) to its `topic` (success,
      error);
    - `GET auto-ml-jobs`, `GET`, `PUT auto-ml-jobs/<name>`: a job as DescribeAutoMLJobV2 answers it;
    - `GET transform-jobs`: the jobs, oldest first, as ListTransformJobs shows them;
    - `GET`, `PUT`, `DELETE faults`, `GET faults/log`: the fault plan, its counters, the faults per
      request.
    """

    def __init__(
        self,
        endpoints: Table[Endpoint],
        auto_ml_jobs: AutoMLJobs,
        transform_jobs: ShownJobs,
        clock: Clock,
        notifier: Notifier,
        faults: FaultHooks,
    ) -> None:
        self._endpoints = endpoints
        self._auto_ml_jobs = auto_ml_jobs
        self._transform_jobs = transform_jobs
        self._clock = clock
        self._notifier = notifier
        self._faults = faults

    async def answer(self, method: str, path: str, request: Any) -> Any:
        """Return the JSON value for a request. Raises ApiError (400, 404, 405, 409, 502)."""
        parts = path.removeprefix(PREFIX).strip("/").split("/")
        match method, parts:
            case "GET" | "HEAD", ["endpoints" | "transform-jobs" as kind]:
                return self._listed(kind)
            case "GET" | "HEAD", ["endpoints", name]:
                return self._shown(self._named(name))
            case "POST", ["endpoints", name, "kill"]:
                return self._kill(self._named(name))
            case "POST", ["endpoints", name, "notifications"]:
                return await self._publish(self._named(name), request)
            case "GET" | "PUT", ["auto-ml-jobs", *names]:
                return self._auto_ml(method, names, request)
            case ("GET" | "PUT" | "DELETE", ["faults"]) | ("GET", ["faults", "log"]):
                return self._plan(method, request) if parts[1:] == [] else {"log": self._planned().log.entries()}
            case _, ["endpoints" | "auto-ml-jobs" | "transform-jobs" | "faults", *_]:
                raise ApiError("MethodNotAllowed", f"{method} {path}: not possible here.", 405)
        known = ", ".join(PREFIX + one for one in _PATHS)
        raise ApiError("NotFound", f"{path}: there are {known}.", 404)

    def _listed(self, kind: str) -> Any:
        if kind == "transform-jobs":
            return {"transform_jobs": self._transform_jobs()}
        return {"endpoints": [self._shown(endpoint) for endpoint in self._endpoints]}

    def _named(self, name: str) -> Endpoint:
        endpoint = self._endpoints.find(name)
        if endpoint is None:
            raise ApiError("NotFound", f"{name}: no such endpoint.", 404)
        return endpoint

    def _auto_ml(self, method: str, names: list[str], request: Any) -> Any:
        jobs = self._auto_ml_jobs
        match method, names:
            case "GET", []:
                return {"auto_ml_jobs": jobs.shown()}
            case "PUT", [name] if isinstance(request, dict):
                return jobs.update(name, request)
            case "GET", [name] if found := jobs.find(name):
                return found
            case "PUT", [_]:
                raise ApiError("ValidationException", "Send an object: members of DescribeAutoMLJobV2's answer.")
        raise ApiError("NotFound", f"{'/'.join(names) or method}: no such AutoML job.", 404)

    def _plan(self, method: str, request: Any) -> Any:
        planned = self._planned()
        if method == "PUT":
            try:
                planned.set(FaultPlan.model_validate(request))
            except ValidationError as error:
                raise ApiError("ValidationException", f"The fault plan is not valid: {error}") from None
        elif method == "DELETE":
            planned.clear()
        return planned.shown()

    def _planned(self) -> PlannedFaults:
        if not isinstance(self._faults, PlannedFaults):
            raise ApiError("Conflict", "This emulator was built with fault hooks of its own and follows no plan.", 409)
        return self._faults

    def _kill(self, endpoint: Endpoint) -> Any:
        fleets = endpoint.deployment.fleets.values() if endpoint.deployment else ()
        killed = [instance for fleet in fleets for instance in fleet.instances]
        for instance in killed:
            instance.kill_servers()
        return {"killed": [instance.name for instance in killed]}

    async def _publish(self, endpoint: Endpoint, request: Any) -> Any:
        deployment = endpoint.deployment
        asked = request if isinstance(request, dict) else {}
        if deployment is None or deployment.asynchronous is None or "message" not in asked:
            said = 'Send {"topic": "success" or "error", "message": …} to an endpoint that is asynchronous.'
            raise ApiError("ValidationException", said)
        topics = {"success": deployment.asynchronous.success_topic, "error": deployment.asynchronous.error_topic}
        topic = topics.get(str(asked.get("topic", "success")))
        if topic is None:
            raise ApiError("ValidationException", f"{asked.get('topic')}: the endpoint has no such topic.")
        message = asked["message"]
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        try:
            await self._notifier.publish(deployment.role_arn, topic, text)
        except EmulatorError as error:
            raise ApiError("NotPublished", str(error), 502) from error
        if isinstance(self._faults, PlannedFaults):
            told = str(message.get("inferenceId", "")) if isinstance(message, dict) else ""
            self._faults.log.record("by hand", "inject", endpoint.name, told)
        return {"published": topic}

    def _shown(self, endpoint: Endpoint) -> dict[str, Any]:
        deployment = endpoint.deployment
        return {
            "name": endpoint.name,
            "status": endpoint.status.value,
            "failure_reason": endpoint.failure_reason,
            "config": endpoint.config_name,
            "asynchronous": deployment.asynchronous is not None if deployment else None,
            "serverless": _serverless(deployment),
            "desired_instances": sum(deployment.desired.values()) if deployment else 0,
            "instances": [
                _instance(one, name)
                for name, fleet in (deployment.fleets.items() if deployment else ())
                for one in fleet.instances
            ],
            "waiting": endpoint.backlog.waiting,
            "in_flight": endpoint.backlog.in_process,
            "backlog": endpoint.backlog.size,
            "oldest_age_s": round(endpoint.backlog.oldest_age_s(self._clock.time()), 3),
        }


def _serverless(deployment: Deployment | None) -> dict[str, int] | None:
    """Return the settings of a serverless endpoint, whose only variant is serverless."""
    fleets = [deployment.serverless(name) for name in deployment.fleets] if deployment else []
    return next((fleet.settings.shown() for fleet in fleets if fleet), None)


def _instance(instance: Instance, variant: str) -> dict[str, Any]:
    return {
        "name": instance.name,
        "variant": variant,
        "ready": instance.ready,
        "in_flight": instance.in_flight,
        # The first container takes the requests; there are more only in a serial pipeline.
        "url": next(iter(instance.urls), None),
        "urls": instance.urls,
    }
