"""The control plane's operations on models, endpoint configurations, endpoints, jobs and tags.

The jobs are AutoML jobs.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tailrace_local.emulator_base.shapes import validate
from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.control.auto_ml_jobs import AutoMLJobs
from tailrace_local.sagemaker.control.descriptions import describe_endpoint, summary
from tailrace_local.sagemaker.control.lifecycle import EndpointLifecycle
from tailrace_local.sagemaker.control.registry import Table, Tags, list_page
from tailrace_local.sagemaker.control.rules import check_endpoint_config, check_model
from tailrace_local.sagemaker.control.serverless_rules import check_capacity, check_concurrency, check_update
from tailrace_local.sagemaker.errors import ApiError, validation
from tailrace_local.sagemaker.hosting.endpoints import Endpoint, EndpointStatus
from tailrace_local.sagemaker.locations import Arns
from tailrace_local.sagemaker.records import EndpointConfig, Model
from tailrace_local.sagemaker.settings import EmulatorSettings

Request = Mapping[str, Any]
Response = dict[str, Any]
_SERVERLESS = "ServerlessUpdateConfig"
Operation = Callable[[Request], Awaitable[Response]]


class Registry:
    """The resources of the control plane, in tables."""

    def __init__(self, arns: Arns, clock: Clock) -> None:
        self.models: Table[Model] = Table("model", lambda name: arns.of("model", name))
        self.configs: Table[EndpointConfig] = Table(
            "endpoint configuration", lambda name: arns.of("endpoint-config", name)
        )
        self.endpoints: Table[Endpoint] = Table("endpoint", lambda name: arns.of("endpoint", name))
        self.tags = Tags()
        self.auto_ml_jobs = AutoMLJobs(arns, self.tags, clock)


class ControlPlane:
    """Answers the operations, `further` ones by their API names among them.

    Runs on the event loop, and nothing here blocks.
    """

    def __init__(
        self,
        settings: EmulatorSettings,
        registry: Registry,
        lifecycle: EndpointLifecycle,
        arns: Arns,
        clock: Clock,
        *,
        further: Mapping[str, Operation] | None = None,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._lifecycle = lifecycle
        self._arns = arns
        self._clock = clock
        self._operations: dict[str, Operation] = {
            "CreateModel": self._create_model,
            "DescribeModel": self._describe_model,
            "ListModels": self._list_models,
            "DeleteModel": self._delete_model,
            "CreateEndpointConfig": self._create_config,
            "DescribeEndpointConfig": self._describe_config,
            "ListEndpointConfigs": self._list_configs,
            "DeleteEndpointConfig": self._delete_config,
            "CreateEndpoint": self._create_endpoint,
            "DescribeEndpoint": self._describe_endpoint,
            "ListEndpoints": self._list_endpoints,
            "UpdateEndpoint": self._update_endpoint,
            "UpdateEndpointWeightsAndCapacities": self._update_capacities,
            "DeleteEndpoint": self._delete_endpoint,
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
            **registry.auto_ml_jobs.operations(),
            **(further or {}),
        }

    async def call(self, operation: str, request: Any) -> Response:
        """Validate `request` and run the operation.

        Raises:
            ApiError: the error that AWS would answer; UnknownOperationException for an operation
                that is not emulated.
        """
        perform = self._operations.get(operation)
        if perform is None:
            raise ApiError("UnknownOperationException", f"The SageMaker emulator does not know {operation}.")
        return await perform(validate(operation, request))

    async def _create_model(self, request: Request) -> Response:
        check_model(request)
        name = request["ModelName"]
        arn = self._arns.of("model", name)
        self._registry.models.add(Model(name, arn, _without_tags(request), self._clock.time()))
        self._tag(arn, request)
        return {"ModelArn": arn}

    async def _describe_model(self, request: Request) -> Response:
        model = self._registry.models.get(request["ModelName"])
        defaults = {"EnableNetworkIsolation": False}
        return defaults | dict(model.request) | {"ModelArn": model.arn, "CreationTime": model.created_s}

    async def _list_models(self, request: Request) -> Response:
        rows, more = list_page(list(self._registry.models), request)
        return {"Models": [summary("Model", row) for row in rows]} | more

    async def _delete_model(self, request: Request) -> Response:
        self._registry.tags.forget(self._registry.models.remove(request["ModelName"]).arn)
        return {}

    async def _create_config(self, request: Request) -> Response:
        name = request["EndpointConfigName"]
        arn = self._arns.of("endpoint-config", name)
        self._registry.configs.require_absent(name)
        config = EndpointConfig(name, arn, _without_tags(request), self._clock.time())
        models = {variant.model_name: self._registry.models.get(variant.model_name) for variant in config.variants}
        check_endpoint_config(
            config, models, allow_serial=self._settings.allow_serial_pipelines, region=self._settings.region
        )
        self._registry.configs.add(config)
        self._tag(arn, request)
        return {"EndpointConfigArn": arn}

    async def _describe_config(self, request: Request) -> Response:
        config = self._registry.configs.get(request["EndpointConfigName"])
        return dict(config.request) | {"EndpointConfigArn": config.arn, "CreationTime": config.created_s}

    async def _list_configs(self, request: Request) -> Response:
        rows, more = list_page(list(self._registry.configs), request)
        return {"EndpointConfigs": [summary("EndpointConfig", row) for row in rows]} | more

    async def _delete_config(self, request: Request) -> Response:
        self._registry.tags.forget(self._registry.configs.remove(request["EndpointConfigName"]).arn)
        return {}

    async def _create_endpoint(self, request: Request) -> Response:
        name, now = request["EndpointName"], self._clock.time()
        arn = self._arns.of("endpoint", name)
        self._registry.endpoints.require_absent(name)
        config = self._registry.configs.get(request["EndpointConfigName"])
        endpoint = self._registry.endpoints.add(Endpoint(name, arn, config.name, now, now))
        self._tag(arn, request)
        self._lifecycle.create(endpoint, config)
        return {"EndpointArn": arn}

    async def _describe_endpoint(self, request: Request) -> Response:
        return describe_endpoint(self._registry.endpoints.get(request["EndpointName"]))

    async def _list_endpoints(self, request: Request) -> Response:
        wanted = request.get("StatusEquals")
        chosen = [endpoint for endpoint in self._registry.endpoints if wanted in {None, endpoint.status.value}]
        rows, more = list_page(chosen, request)
        shown = [
            summary("Endpoint", row) | {"LastModifiedTime": row.modified_s, "EndpointStatus": row.status.value}
            for row in rows
        ]
        return {"Endpoints": shown} | more

    async def _update_endpoint(self, request: Request) -> Response:
        endpoint = self._changeable(request["EndpointName"])
        config = self._registry.configs.get(request["EndpointConfigName"])
        if endpoint.deployment:
            check_update(endpoint.deployment.config, config)
        self._lifecycle.update(endpoint, config, keep_counts=bool(request.get("RetainAllVariantProperties")))
        return {"EndpointArn": endpoint.arn}

    async def _update_capacities(self, request: Request) -> Response:
        endpoint = self._changeable(request["EndpointName"])
        changes = request["DesiredWeightsAndCapacities"]
        deployment = endpoint.deployment
        for change in changes:
            if deployment is None or change["VariantName"] not in deployment.fleets:
                raise validation(f'Could not find variant "{change["VariantName"]}" of endpoint "{endpoint.arn}".')
            check_capacity(change, deployment.config)
        counts = {one["VariantName"]: one["DesiredInstanceCount"] for one in changes if "DesiredInstanceCount" in one}
        weights = {one["VariantName"]: one["DesiredWeight"] for one in changes if "DesiredWeight" in one}
        serverless = {one["VariantName"]: one["ServerlessUpdateConfig"] for one in changes if _SERVERLESS in one}
        if deployment and serverless:
            fleets = {name: deployment.serverless(name) for name in serverless}
            settings = {name: fleet.settings.updated(serverless[name]) for name, fleet in fleets.items() if fleet}
            for each in settings.values():
                check_concurrency(each)
            self._lifecycle.rescale(endpoint, settings)
        else:
            self._lifecycle.scale(endpoint, counts, weights)
        return {"EndpointArn": endpoint.arn}

    async def _delete_endpoint(self, request: Request) -> Response:
        endpoint = self._registry.endpoints.get(request["EndpointName"])
        if endpoint.status is not EndpointStatus.DELETING:
            self._lifecycle.begin_removal(endpoint, self._forget_endpoint)
        return {}

    def _forget_endpoint(self, endpoint: Endpoint) -> None:
        self._registry.endpoints.remove(endpoint.name)
        self._registry.tags.forget(endpoint.arn)

    def _changeable(self, name: str) -> Endpoint:
        endpoint = self._registry.endpoints.get(name)
        if endpoint.status is not EndpointStatus.IN_SERVICE:
            raise validation(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        return endpoint

    def _tag(self, arn: str, request: Request) -> None:
        self._registry.tags.add(arn, list(request.get("Tags", ())))

    async def _add_tags(self, request: Request) -> Response:
        return {"Tags": self._registry.tags.add(request["ResourceArn"], request["Tags"])}

    async def _list_tags(self, request: Request) -> Response:
        return {"Tags": self._registry.tags.of(request["ResourceArn"])}

    async def _delete_tags(self, request: Request) -> Response:
        self._registry.tags.drop(request["ResourceArn"], request["TagKeys"])
        return {}


def _without_tags(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "Tags"}
