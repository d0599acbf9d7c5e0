"""Errors of the local cloud.

LocalCloudError
├── MissingToolError      an environment under .tools is missing
├── StateDirectoryError   the state directory is not ours, or another command has locked it
├── StartError            the cloud's process did not become ready
├── BuildError            `sam build` or the training of the demo's model failed
├── DeployError           `sam deploy` failed
├── SilentCloudError      the cloud's process runs and does not answer
├── FaultPlanError        a fault plan is not valid, or the cloud did not accept it
└── ModelServerError      the model server gave no answer
"""

from __future__ import annotations

from pathlib import Path


class LocalCloudError(Exception):
    """Root of the errors.

    The message says where, what and what to do next; `log` is the log file, if there is one.
    """

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(f"{message} (log: {log})" if log else message)
        self.reason = message
        self.log = log


class MissingToolError(LocalCloudError):
    """An environment that `make setup` makes is missing."""


class StateDirectoryError(LocalCloudError):
    """The state directory cannot be used."""


class StartError(LocalCloudError):
    """The cloud's process ended or did not become ready in time."""


class BuildError(LocalCloudError):
    """The functions or the model could not be built."""


class DeployError(LocalCloudError):
    """The stack could not be deployed."""


class SilentCloudError(LocalCloudError):
    """The cloud's process runs and does not answer."""


class FaultPlanError(LocalCloudError):
    """A fault plan is not valid, or the cloud did not accept it."""


class ModelServerError(LocalCloudError):
    """The model server gave no answer."""
