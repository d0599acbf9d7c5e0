"""Fault plans of a running cloud, over HTTP: for its SageMaker emulator and for its functions."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tailrace_local.cloud.functions.fault_injection.plan import FunctionFaultPlan
from tailrace_local.emulator_base.loopback_guard import TOKEN_HEADER
from tailrace_local.errors import FaultPlanError
from tailrace_local.sagemaker.fault_injection.plan import FaultPlan

SECTIONS = {"sagemaker": "/_tailrace/sagemaker/faults", "functions": "/_tailrace/functions/faults"}
_TIMEOUT_S = 30.0


class CloudFaultPlan(BaseModel):
    """A fault plan for the whole cloud. `seed` is the default for its sections."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    sagemaker: FaultPlan = FaultPlan()
    functions: FunctionFaultPlan = FunctionFaultPlan()

    @model_validator(mode="before")
    @classmethod
    def _seeded(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "seed" not in given:
            return given
        sections = {name: {"seed": given["seed"], **given.get(name, {})} for name in SECTIONS}
        return {**given, **sections}

    @classmethod
    def read(cls, text: str | bytes) -> CloudFaultPlan:
        """Read a plan from JSON. Raises FaultPlanError with each mistake and its place."""
        try:
            return cls.model_validate(json.loads(text))
        except (ValueError, ValidationError) as error:
            raise FaultPlanError(f"the fault plan is not valid: {error}") from error


class FaultAdmin:
    """Sets, shows and clears fault plans; `token` is the one in the cloud's state directory.

    Methods raise FaultPlanError if the cloud does not answer or refuses.
    """

    def __init__(self, own_url: str, token: str) -> None:
        self._url = own_url
        self._headers = {TOKEN_HEADER: token}

    def set(self, plan: CloudFaultPlan) -> dict[str, Any]:
        """Replace the plan of every section; return plans and counters by section."""
        return {
            name: self._ask("PUT", path, getattr(plan, name).model_dump(mode="json")) for name, path in SECTIONS.items()
        }

    def clear(self) -> dict[str, Any]:
        """End all faults; return plans and counters by section. The counters stay."""
        return {name: self._ask("DELETE", path) for name, path in SECTIONS.items()}

    def show(self) -> dict[str, Any]:
        """Return plans and counters by section."""
        return {name: self._ask("GET", path) for name, path in SECTIONS.items()}

    def log(self) -> dict[str, list[dict[str, Any]]]:
        """Return the injected faults by section, oldest first."""
        return {name: self._ask("GET", f"{path}/log")["log"] for name, path in SECTIONS.items()}

    def kill_model(self, endpoint_name: str) -> list[str]:
        """Send SIGKILL to an endpoint's model servers; return the names of the instances."""
        found = self._ask("POST", f"/_tailrace/sagemaker/endpoints/{endpoint_name}/kill")
        return [str(name) for name in found["killed"]]

    def publish(self, endpoint_name: str, topic: str, message: Any) -> None:
        """Publish any message to the endpoint's `success` or `error` topic, as its role."""
        asked = {"topic": topic, "message": message}
        self._ask("POST", f"/_tailrace/sagemaker/endpoints/{endpoint_name}/notifications", asked)

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)  # noqa: S310 - our own http address
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - same
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise FaultPlanError(f"{method} {path}: {error.code} {_said(error.read())}") from error
        except (OSError, ValueError) as error:
            raise FaultPlanError(f"{method} {self._url}{path}: {error}: is the cloud up?") from error


def _said(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:500]
