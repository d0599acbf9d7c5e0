"""What tools and tests may ask that AWS does not tell: instances, their URLs, the queue."""

from typing import Any

from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.endpoints import Endpoint
from tailrace_local.sagemaker.errors import ApiError
from tailrace_local.sagemaker.instances import Instance
from tailrace_local.sagemaker.registry import Table

PREFIX = "/_tailrace/sagemaker/"


class Admin:
    """`GET /_tailrace/sagemaker/endpoints` and `…/endpoints/<name>`."""

    def __init__(self, endpoints: Table[Endpoint], clock: Clock) -> None:
        self._endpoints = endpoints
        self._clock = clock

    def answer(self, method: str, path: str) -> Any:
        """The JSON value for a path. Raises ApiError (404, 405)."""
        if method not in {"GET", "HEAD"}:
            raise ApiError("MethodNotAllowed", f"{method} is not possible here, only GET.", 405)
        kind, _, name = path.removeprefix(PREFIX).partition("/")
        if kind != "endpoints":
            raise ApiError("NotFound", f"{path}: there are {PREFIX}endpoints and {PREFIX}endpoints/<name>.", 404)
        if not name:
            return {"endpoints": [self._shown(endpoint) for endpoint in self._endpoints]}
        endpoint = self._endpoints.find(name)
        if endpoint is None:
            raise ApiError("NotFound", f"{name}: no such endpoint.", 404)
        return self._shown(endpoint)

    def _shown(self, endpoint: Endpoint) -> dict[str, Any]:
        deployment = endpoint.deployment
        return {
            "name": endpoint.name,
            "status": endpoint.status.value,
            "failure_reason": endpoint.failure_reason,
            "config": endpoint.config_name,
            "asynchronous": deployment.asynchronous is not None if deployment else None,
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
