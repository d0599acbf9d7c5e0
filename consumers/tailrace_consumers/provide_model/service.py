"""The service that handles requests of CloudFormation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tailrace_consumers.provide_model import automl
from tailrace_consumers.provide_model.containers import (
    Containers,
    definitions,
    digest,
    model_data_arns,
    repository_arns,
)
from tailrace_consumers.provide_model.models import Model
from tailrace_consumers.provide_model.numbers import require_consistent, scoring_concurrency
from tailrace_consumers.provide_model.ports import AutoMLJobs, Models
from tailrace_consumers.provide_model.resource_requests import MODEL, SOURCE, RequestType, ResourceRequest
from tailrace_consumers.provide_model.responses import Failed, Response, Succeeded
from tailrace_consumers.provide_model.retrying import RetryUntil
from tailrace_core.errors import InputError, TailraceError, TransientError

SEPARATOR = "\n"
"""Separator of ARNs in an attribute: the one character that SageMaker allows in no location."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvideModel:
    """Handles one request; a duplicate request gets the same response."""

    jobs: AutoMLJobs
    models: Models
    retry_until: RetryUntil

    def handle(self, request: ResourceRequest) -> Response:
        """Return the response; our own errors become failures with a reason."""
        operation = self._operation(request)
        if operation is None:
            return Failed(_placeholder_id(request), f"{request.resource_type} is not one of this function's resources")
        try:
            return operation(request)
        except TailraceError as exc:
            return Failed(_placeholder_id(request), exc.message)

    def _operation(self, request: ResourceRequest) -> Callable[[ResourceRequest], Response] | None:
        if request.verb is RequestType.DELETE:
            return self._delete
        return {SOURCE: self._resolve, MODEL: self._make}.get(request.resource_type)

    # ── Custom::ModelSource

    def _resolve(self, request: ResourceRequest) -> Response:
        numbers = request.properties.numbers("Numbers")
        require_consistent(numbers)
        containers = self._containers(request)
        if not request.properties.flag("AllowSerialPipeline"):
            automl.require_one_container(request.job_name, containers)
        found = digest(definitions(containers))
        return Succeeded(
            f"source-{found}",
            {
                "Digest": found,
                "ContainerCount": str(len(containers)),
                "RepositoryArns": SEPARATOR.join(repository_arns(containers, request.partition)),
                "ModelDataArns": SEPARATOR.join(model_data_arns(containers, request.partition)),
                "ScoringConcurrency": str(scoring_concurrency(request.properties.text("EndpointKind"), numbers)),
            },
        )

    def _containers(self, request: ResourceRequest) -> Containers:
        name = request.job_name
        if not name:
            return (request.container(),)
        job = self.retry_until.run(f"looking up the AutoML job {name}", lambda: self.jobs.describe(name))
        return automl.best_containers(name, job)

    # ── Custom::Model

    def _make(self, request: ResourceRequest) -> Response:
        model = self._model(request)
        try:
            made = self.retry_until.run(f"making the model {model.name}", lambda: self.models.create(model))
            if not made and model.tags:
                self.models.tag(request.arn_of_model(model.name), model.tag_list())
        except TailraceError as exc:
            return self._creation_failed(request, model, exc)
        return Succeeded(model.name)

    def _model(self, request: ResourceRequest) -> Model:
        given = request.properties
        containers = self._containers(request)
        if digest(definitions(containers)) != given.required("Digest"):
            raise InputError(
                "the containers are not those that the execution role was let read: the AutoML job has another best "
                "candidate than a moment ago; deploy again"
            )
        return Model(
            name_prefix=given.required("NamePrefix"),
            containers=containers,
            execution_role_arn=given.required("ExecutionRoleArn"),
            isolated=given.flag("EnableNetworkIsolation"),
            subnet_ids=given.texts("SubnetIds"),
            security_group_ids=given.texts("SecurityGroupIds"),
            tags=given.tags(),
        )

    def _creation_failed(self, request: ResourceRequest, model: Model, exc: TailraceError) -> Response:
        """Return the failure; after a failed update, first delete the new model, which may exist.

        The failed update keeps the old model's id, so CloudFormation would never delete the new
        one.
        """
        if request.verb is RequestType.CREATE:
            return Failed(model.name, exc.message)
        if isinstance(exc, TransientError) and model.name != request.physical_id:
            try:
                self.models.delete(model.name)
            except TailraceError as unremoved:
                return Failed(
                    request.physical_id, f"{exc.message}; {model.name} may be left behind: {unremoved.message}"
                )
        return Failed(request.physical_id, exc.message)

    # ── either

    def _delete(self, request: ResourceRequest) -> Response:
        name = request.physical_id
        prefix = request.properties.values.get("NamePrefix")
        # A model that was never created has another id; a source has nothing to delete.
        if request.resource_type == MODEL and prefix and name.startswith(f"{prefix}-"):
            self.retry_until.run(f"deleting the model {name}", lambda: self.models.delete(name))
        return Succeeded(name or _placeholder_id(request))


def _placeholder_id(request: ResourceRequest) -> str:
    """Return the physical id of a resource that was not created: its own, or a placeholder.

    The placeholder tells a later deletion that nothing exists.
    """
    return request.physical_id or f"{request.logical_id}-was-not-made"
