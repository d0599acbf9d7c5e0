"""Up and down: starts and deploys a cloud, and takes it down."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tailrace_local.cloud.settings import Image
from tailrace_local.control.build import Builder
from tailrace_local.control.deployment import Deployment
from tailrace_local.control.launch import Launcher, is_up, model_image, settings_for, training_settings
from tailrace_local.control.own_model import OwnModel
from tailrace_local.control.redeployment import deploy_training_stack, redeploy
from tailrace_local.control.teardown import end_all
from tailrace_local.control.workspace import Workspace
from tailrace_local.errors import LocalCloudError, StartError
from tailrace_local.state_directory import CloudFacts, StateDirectory


@dataclass(frozen=True)
class CloudOptions:
    """Options of `up`.

    `timeout_s` bounds the start and the deployment together, without the build.
    """

    template: Path
    stack: str = "tailrace"
    parameters: Mapping[str, str] = field(default_factory=dict)
    region: str = "eu-west-1"
    account_id: str = "123456789012"
    timeout_s: float = 300.0
    enforce_iam: bool = False
    tls: bool = False
    sagemaker: bool = True
    allow_serial_pipelines: bool = False
    time_scale: float = 1.0
    allowed_origins: tuple[str, ...] = ()
    """Origins whose web pages may send requests, such as `http://localhost:3000`."""
    model: OwnModel | None = None
    """The user's own model server behind the endpoint, instead of the demo's."""
    images: Mapping[str, Image] = field(default_factory=dict)
    """Further images by name, for parameters that name them."""
    train_locally: bool = False
    """AutoML jobs are trained on this machine, and the stack for training is deployed."""
    deploys: bool = True
    """Deploy the template; without, `LocalCloud.deploy` can do so later."""


class StepReporter:
    """Reports the current step, and records how long each step took."""

    def __init__(self, say: Callable[[str], contextlib.AbstractContextManager[object]]) -> None:
        self._say = say
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def step(self, name: str, text: str) -> Iterator[None]:
        """Run a step and record its duration under `name`."""
        began = time.monotonic()
        with self._say(text):
            yield
        self.seconds[name] = round(time.monotonic() - began, 2)


class LocalCloud:
    """The local cloud of one state directory.

    An `attached` cloud ends with the process that started it.
    """

    def __init__(self, workspace: Workspace, state: StateDirectory, *, attached: bool = False) -> None:
        self._workspace = workspace
        self._state = state
        self._launcher = Launcher(workspace, state, attached=attached)

    def running(self) -> CloudFacts | None:
        """Return the facts of the cloud if it is up and deployed, else None."""
        return self._state.read_facts() if is_up(self._state) else None

    def up(self, plan: CloudOptions, steps: StepReporter) -> CloudFacts:
        """Start, build and deploy. On any failure or interrupt, stop everything that was started.

        Raises:
            LocalCloudError: a step failed; the error names its log.
        """
        with self._state.locked():
            if found := self.running():
                return found
            with self._fresh_state():
                return self._deploy(plan, steps)

    def deploy(
        self, template: Path, parameters: Mapping[str, str], steps: StepReporter, *, timeout_s: float
    ) -> CloudFacts:
        """Deploy the template to the cloud that is up; parameters that are not given stay.

        Raises:
            LocalCloudError: no cloud is up, or a step failed. The cloud goes on.
        """
        with self._state.locked():
            facts = self.running()
            if facts is None:
                raise StartError(f"no local cloud is up in {self._state.root}: run `tailrace local up`")
            with steps.step("deploy", "deploying the stack (sam deploy)"):
                return redeploy(
                    self._workspace,
                    self._state,
                    facts,
                    template=template,
                    parameters=parameters,
                    timeout_s=timeout_s,
                )

    def start(self, plan: CloudOptions, steps: StepReporter) -> CloudFacts:
        """Start a cloud without a stack, for other ways of deployment. Fails as `up` does."""
        with self._state.locked(), self._fresh_state():
            return self._start(plan, steps, time.monotonic() + plan.timeout_s)

    def down(self, say: Callable[[str], None]) -> int:
        """Stop everything and remove the state; return the number of processes that were ended."""
        with self._state.locked():
            return self._clear(say)

    @contextlib.contextmanager
    def _fresh_state(self) -> Iterator[None]:
        """Create a fresh state directory; if the block fails, stop everything that was started."""
        self._clear()
        self._state.create()
        try:
            yield
        except BaseException as error:
            log = self._keep_log(error)
            self._clear()
            if log and isinstance(error, LocalCloudError):
                raise type(error)(error.reason, log=log) from error
            raise

    def _start(self, plan: CloudOptions, steps: StepReporter, deadline: float) -> CloudFacts:
        with steps.step("ready", "starting the cloud"):
            settings = settings_for(
                self._workspace,
                self._state,
                region=plan.region,
                account_id=plan.account_id,
                enforce_iam=plan.enforce_iam,
            )
            own = {model_image(plan.region, plan.account_id, own=True): plan.model.image()} if plan.model else {}
            if plan.train_locally:
                settings = training_settings(settings, self._workspace, region=plan.region, account_id=plan.account_id)
            settings = replace(
                settings,
                images={**settings.images, **plan.images, **own},
                tls=plan.tls,
                sagemaker=plan.sagemaker,
                allow_serial_pipelines=plan.allow_serial_pipelines,
                time_scale=plan.time_scale,
                allowed_origins=plan.allowed_origins,
                # Secret where signatures are verified; elsewhere any secret will do.
                secret_access_key=secrets.token_hex(20) if plan.enforce_iam else "local",
            )
            listening = self._launcher.start(settings, timeout_s=_left(deadline))
        return CloudFacts(
            listening.endpoint_url,
            plan.region,
            plan.account_id,
            str(self._state.root),
            plan.stack,
            secret_access_key=settings.secret_access_key,
            ca_bundle=listening.ca_bundle,
            plain_url=listening.plain_url,
        )

    def _deploy(self, plan: CloudOptions, steps: StepReporter) -> CloudFacts:
        deadline = time.monotonic() + plan.timeout_s
        began = time.monotonic()
        facts = self._start(plan, steps, deadline)
        if plan.train_locally:
            with steps.step("training", "deploying the stack for training"):
                deploy_training_stack(self._workspace, facts)
        deployment = Deployment(self._workspace, self._state, facts)
        if not plan.deploys:
            deployment.make_bucket()
            return self._up(facts, steps, began)
        builder = Builder(self._workspace)
        building = time.monotonic()
        with steps.step("build", "building the functions (sam build)"):
            built, _ = builder.template(plan.template)
        with steps.step("upload", "preparing the model" if plan.model else "preparing the demo's model"):
            deployment.make_bucket()
            parameters = self._parameters(plan, built, deployment, builder)
        deadline += time.monotonic() - building
        with steps.step("deploy", "deploying the stack (sam deploy)"):
            facts = deployment.deploy(built, parameters, timeout_s=_left(deadline))
        return self._up(facts, steps, began)

    def _up(self, facts: CloudFacts, steps: StepReporter, began: float) -> CloudFacts:
        steps.seconds["total"] = round(time.monotonic() - began, 2)
        facts = replace(facts, seconds=dict(steps.seconds))
        self._state.write_facts(facts)
        return facts

    def _parameters(self, plan: CloudOptions, built: Path, deployment: Deployment, builder: Builder) -> dict[str, str]:
        """Return the caller's parameters, and the demo's model if the template takes a model."""
        declared = deployment.declared_parameters(built)
        unknown = sorted(set(plan.parameters) - declared)
        if unknown:
            known = ", ".join(sorted(declared)) or "none"
            raise StartError(f"the template has no parameter {', '.join(unknown)}; its parameters are {known}")
        if plan.model is not None:
            if "ModelImage" not in declared:
                raise StartError("the template takes no model: it has no parameter ModelImage")
            return {**deployment.own_model_parameters(plan.model), **plan.parameters}
        ours = {"ModelImage", "ModelDataUrl"}
        if not ours <= declared or plan.parameters.keys() & {*ours, "AutoMLJobName", "EndpointName"}:
            return dict(plan.parameters)
        archive, _ = builder.model()
        return {**deployment.model_parameters(archive), **plan.parameters}

    def _clear(self, say: Callable[[str], None] = lambda _: None) -> int:
        if not self._state.exists:
            return 0
        ended = end_all(self._state, say=say)
        self._launcher.reap()
        self._state.remove()
        return ended

    def _keep_log(self, error: BaseException) -> Path | None:
        """Copy the failed step's log to the build cache, because the state directory is removed."""
        log = getattr(error, "log", None) or (self._state.cloud_log if isinstance(error, LocalCloudError) else None)
        if not isinstance(log, Path) or not log.is_relative_to(self._state.root) or not log.exists():
            return None
        kept = self._workspace.build_cache / "failed" / log.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(log.read_bytes())
        return kept


def _left(deadline: float) -> float:
    return max(1.0, deadline - time.monotonic())
