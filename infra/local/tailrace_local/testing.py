"""Clouds for tests, each with its own state directory.

A cloud ends with the test process, even by SIGKILL.
"""

from __future__ import annotations

import contextlib
import functools
import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tailrace_local.control.deployment import client, model_url, session
from tailrace_local.control.own_model import OwnModel, command_image
from tailrace_local.control.up_down import CloudOptions, LocalCloud, StepReporter
from tailrace_local.control.workspace import Workspace
from tailrace_local.emulator_base.loopback_guard import TOKEN_HEADER
from tailrace_local.loopback import check_origin
from tailrace_local.state_directory import CloudFacts, StateDirectory


@dataclass(frozen=True)
class RunningCloud:
    """A running cloud with a deployed stack."""

    facts: CloudFacts

    @property
    def endpoint_url(self) -> str:
        """The URL for AWS clients."""
        return self.facts.endpoint_url

    @property
    def own_url(self) -> str:
        """The URL of its admin API."""
        return self.facts.own_url

    @property
    def token(self) -> str:
        """The token for changes by the admin API."""
        return self.facts.token

    @property
    def region(self) -> str:
        """Its AWS region."""
        return self.facts.region

    @property
    def state_dir(self) -> Path:
        """Its state directory, with process records and logs."""
        return Path(self.facts.state_dir)

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        return self.facts.outputs

    @property
    def functions(self) -> dict[str, str]:
        """The functions' names by logical id."""
        return self.facts.functions

    @property
    def model_url(self) -> str:
        """The current URL of the endpoint's model server; a restarted server has another URL."""
        return (model_url(self.facts.own_url, self.facts.endpoint_name) if self.facts.endpoint_name else None) or ""

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which another process uses it."""
        return self.facts.credentials

    def session(self) -> boto3.Session:
        """Return a boto3 session with its credentials; pass `endpoint_url` to the clients."""
        return session(self.facts)

    def client(self, service: str) -> Any:
        """Return a boto3 client of a service.

        It is cached: making one costs more than most calls.
        """
        if service not in self._clients:
            self._clients[service] = client(self.facts, service)
        return self._clients[service]

    @functools.cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    @contextlib.contextmanager
    def time_scaled(self, time_scale: float) -> Iterator[None]:
        """Multiply alarms' periods and scaling's cooldowns by `time_scale` until the block ends."""
        before = self._pace()
        self._pace(time_scale)
        try:
            yield
        finally:
            self._pace(before)

    def _pace(self, time_scale: float | None = None) -> float:
        data = None if time_scale is None else json.dumps({"time_scale": time_scale}).encode()
        method = "GET" if data is None else "PUT"
        headers = {TOKEN_HEADER: self.token}
        request = urllib.request.Request(f"{self.own_url}/_tailrace/pace", data, headers, method=method)  # noqa: S310 - our own http address
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - same
            return float(json.loads(answer.read())["time_scale"])


@contextlib.contextmanager
def running_cloud(
    state_dir: Path,
    *,
    template: Path | None = None,
    parameters: Mapping[str, str] | None = None,
    sagemaker: bool = True,
    enforce_iam: bool = False,
    tls: bool = False,
    allow_serial_pipelines: bool = False,
    time_scale: float = 1.0,
    timeout_s: float = 300.0,
    allowed_origins: Sequence[str] = (),
    model: OwnModel | None = None,
    images: Mapping[str, str] | None = None,
) -> Iterator[RunningCloud]:
    """Run a cloud with `template` (default: the pipeline's) deployed, until the block ends.

    `model` is a model server of one's own behind its endpoint; `images` are commands by image name,
    for parameters that name them.

    Raises:
        LocalCloudError: it did not come up; everything that was started has been stopped.
    """
    workspace = Workspace.here()
    local_cloud = LocalCloud(workspace, StateDirectory(state_dir), attached=True)
    plan = CloudOptions(
        model=model,
        images={name: command_image(command, Path.cwd()) for name, command in (images or {}).items()},
        template=template or workspace.template,
        parameters=parameters or {},
        sagemaker=sagemaker,
        enforce_iam=enforce_iam,
        tls=tls,
        allow_serial_pipelines=allow_serial_pipelines,
        time_scale=time_scale,
        timeout_s=timeout_s,
        allowed_origins=tuple(check_origin(origin) for origin in allowed_origins),
    )
    try:
        yield RunningCloud(local_cloud.up(plan, StepReporter(contextlib.nullcontext)))
    finally:
        local_cloud.down(lambda _: None)


@contextlib.contextmanager
def bare_cloud(
    state_dir: Path,
    *,
    enforce_iam: bool = False,
    tls: bool = False,
    allow_serial_pipelines: bool = False,
    allowed_origins: Sequence[str] = (),
) -> Iterator[RunningCloud]:
    """Run a cloud without a stack, until the block ends.

    Raises:
        LocalCloudError: it did not start; everything that was started has been stopped.
    """
    workspace = Workspace.here()
    local_cloud = LocalCloud(workspace, StateDirectory(state_dir), attached=True)
    plan = CloudOptions(
        template=workspace.template,
        enforce_iam=enforce_iam,
        tls=tls,
        allow_serial_pipelines=allow_serial_pipelines,
        allowed_origins=tuple(check_origin(origin) for origin in allowed_origins),
    )
    try:
        yield RunningCloud(local_cloud.start(plan, StepReporter(contextlib.nullcontext)))
    finally:
        local_cloud.down(lambda _: None)
