"""What a request of CloudFormation leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tailrace_consumers.provide_model import automl
from tailrace_consumers.provide_model.answers import Answer, Failed, Succeeded
from tailrace_consumers.provide_model.containers import (
    Containers,
    definitions,
    digest,
    model_data_arns,
    repository_arns,
)
from tailrace_consumers.provide_model.models import Model
from tailrace_consumers.provide_model.ports import AutoMLJobs, Models
from tailrace_consumers.provide_model.requests import MODEL, SOURCE, Request, Verb
from tailrace_consumers.provide_model.retrying import Patience
from tailrace_core.errors import InputError, TailraceError, TransientError

SEPARATOR = "\n"
"""Between ARNs in an attribute: the one character that SageMaker takes in no location."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvideModel:
    """Answers one request at a time; the same request again leads to the same answer."""

    jobs: AutoMLJobs
    models: Models
    patience: Patience

    def handle(self, request: Request) -> Answer:
        """The answer; never an exception of ours, always a reason."""
        doer = self._doer(request)
        if doer is None:
            return Failed(_unmade(request), f"{request.resource_type} is none of this function's resources")
        try:
            return doer(request)
        except TailraceError as exc:
            return Failed(_unmade(request), exc.message)

    def _doer(self, request: Request) -> Callable[[Request], Answer] | None:
        if request.verb is Verb.DELETE:
            return self._delete
        return {SOURCE: self._resolve, MODEL: self._make}.get(request.resource_type)

    # ── Custom::ModelSource

    def _resolve(self, request: Request) -> Answer:
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
            },
        )

    def _containers(self, request: Request) -> Containers:
        name = request.job_name
        if not name:
            return (request.container(),)
        job = self.patience.persist(f"looking up the AutoML job {name}", lambda: self.jobs.describe(name))
        return automl.best_containers(name, job)

    # ── Custom::Model

    def _make(self, request: Request) -> Answer:
        model = self._model(request)
        try:
            made = self.patience.persist(f"making the model {model.name}", lambda: self.models.create(model))
            if not made and model.tags:
                self.models.tag(request.arn_of_model(model.name), model.tag_list())
        except TailraceError as exc:
            return self._not_made(request, model, exc)
        return Succeeded(model.name)

    def _model(self, request: Request) -> Model:
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

    def _not_made(self, request: Request, model: Model, exc: TailraceError) -> Answer:
        """An update's failure keeps the old model's id, so nobody else would remove what may have been made."""
        if request.verb is Verb.CREATE:
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

    def _delete(self, request: Request) -> Answer:
        name = request.physical_id
        prefix = request.properties.values.get("NamePrefix")
        # What was never made has another id; a source has nothing to remove.
        if request.resource_type == MODEL and prefix and name.startswith(f"{prefix}-"):
            self.patience.persist(f"deleting the model {name}", lambda: self.models.delete(name))
        return Succeeded(name or _unmade(request))


def _unmade(request: Request) -> str:
    """The id of what was not made: the one that it has, or one that tells a later deletion that there is nothing."""
    return request.physical_id or f"{request.logical_id}-was-not-made"
