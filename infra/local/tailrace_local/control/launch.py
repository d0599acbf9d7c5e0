"""Starts the cloud's process, detached, and waits until it answers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from tailrace_local.cloud.settings import CloudSettings, Image
from tailrace_local.control.teardown import CLOUD
from tailrace_local.control.workspace import Workspace
from tailrace_local.errors import StartError
from tailrace_local.private_files import open_private
from tailrace_local.processes import ProcessGroup
from tailrace_local.state_directory import CloudAddress, StateDirectory

_DEMO_MODEL = "tailrace-local/demand:1"
_OWN_MODEL = "tailrace-local/own-model:1"
_TRAINED = "tailrace-local/automl:1"
_POLL_S = 0.05


def model_image(region: str, account_id: str, *, own: bool = False) -> str:
    """Return the image name of the demo's model, or of the user's own, in SageMaker's form.

    Neither is in a registry.
    """
    return f"{account_id}.dkr.ecr.{region}.amazonaws.com/{_OWN_MODEL if own else _DEMO_MODEL}"


def settings_for(
    workspace: Workspace, state: StateDirectory, *, region: str, account_id: str, enforce_iam: bool
) -> CloudSettings:
    """Return the settings of a cloud that runs from this checkout and serves the demo's model."""
    model = Image(
        argv=[str(workspace.tool("model")), "-m", "tailrace_local.demo.model", "serve"],
        environment={"PYTHONPATH": workspace.sources},
    )
    return CloudSettings(
        state_dir=str(state.root),
        region=region,
        account_id=account_id,
        lambda_python=str(workspace.tool("lambda")),
        enforce_iam=enforce_iam,
        images={model_image(region, account_id): model},
    )


def training_settings(settings: CloudSettings, workspace: Workspace, *, region: str, account_id: str) -> CloudSettings:
    """Return the settings of a cloud whose AutoML jobs are trained on this machine."""
    command = [str(workspace.tool("model")), "-m", "tailrace_local.demo.automl"]
    environment = {"PYTHONPATH": workspace.sources}
    name = f"{account_id}.dkr.ecr.{region}.amazonaws.com/{_TRAINED}"
    return replace(
        settings,
        images={**settings.images, name: Image([*command, "serve"], environment)},
        trainer=Image([*command, "train"], environment),
        training_image=name,
    )


class Launcher:
    """Starts one cloud on a fresh state directory.

    An `attached` cloud ends when this process ends, for any reason; a detached one keeps running.
    """

    def __init__(
        self,
        workspace: Workspace,
        state: StateDirectory,
        *,
        attached: bool = False,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._workspace = workspace
        self._state = state
        self._attached = attached
        self._life: int | None = None
        self._clock = clock
        self._pause = pause
        self._group: ProcessGroup | None = None

    def start(self, settings: CloudSettings, *, timeout_s: float) -> CloudAddress:
        """Start the cloud; return its address.

        Raises:
            StartError: its process ended, or did not answer within `timeout_s`.
        """
        python = self._workspace.tool("cloud")
        file = self._state.root / "settings.json"
        with open_private(self._state.cloud_log) as log, self._pipe() as pass_fds:
            starter_fd = pass_fds[0] if pass_fds else None
            replace(settings, state_dir=str(self._state.root), starter_fd=starter_fd).write(file)
            group = ProcessGroup.start(
                [str(python), "-m", "tailrace_local.cloud", str(file)],
                what=CLOUD,
                records=self._state.processes,
                environment=_clean_environment(self._workspace),
                cwd=self._state.root,
                output=log.fileno(),
                pass_fds=pass_fds,
            )
        self._group = group
        try:
            return self._wait(group, timeout_s)
        except BaseException:
            group.end()
            raise

    @contextlib.contextmanager
    def _pipe(self) -> Iterator[tuple[int, ...]]:
        """Yield the pipe end that an attached cloud watches.

        The other end closes with this process at the latest.
        """
        if not self._attached:
            yield ()
            return
        watched, self._life = os.pipe()
        try:
            yield (watched,)
        finally:
            os.close(watched)

    def _wait(self, group: ProcessGroup, timeout_s: float) -> CloudAddress:
        deadline = self._clock() + timeout_s
        while self._clock() < deadline:
            if found := self._state.read_address():
                return found
            if not group.running:
                raise StartError(
                    f"the cloud's process ended while it started\n{self.tail()}", log=self._state.cloud_log
                )
            self._pause(_POLL_S)
        raise StartError(f"the cloud did not answer within {timeout_s:.0f} s", log=self._state.cloud_log)

    def reap(self) -> None:
        """Wait for the cloud that was started here, once it has ended, so that no zombie stays."""
        if self._group:
            # A leader can look dead while its threads are still ending; its status comes after
            # that.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._group.child.wait(10)
        if self._life is not None:
            os.close(self._life)
            self._life = None

    def tail(self, lines: int = 12) -> str:
        """Return the last lines of the cloud's log."""
        return "\n".join(self._state.cloud_log.read_text(errors="replace").splitlines()[-lines:])


def is_up(state: StateDirectory) -> bool:
    """True if the cloud's process runs and listens."""
    running = any(record.what == CLOUD and record.alive() for record in state.records().values())
    return running and state.read_address() is not None


def _clean_environment(workspace: Workspace) -> dict[str, str]:
    """Return an environment without the caller's AWS, Python and MiniStack settings."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "USER")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PYTHONPATH": workspace.sources,
        "PYTHONUNBUFFERED": "1",
    }
