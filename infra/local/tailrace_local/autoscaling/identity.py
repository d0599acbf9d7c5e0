"""How requests name what they are about, and how ARNs are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailrace_local.autoscaling.records import KEY, TargetKey
from tailrace_local.emulation.errors import ApiError

Request = Mapping[str, Any]


@dataclass(frozen=True)
class Arns:
    """The ARNs of one partition, region and account."""

    partition: str
    region: str
    account_id: str

    def target(self, id_: str) -> str:
        """Of a scalable target."""
        return f"arn:{self.partition}:application-autoscaling:{self._where}:scalable-target/{id_}"

    def policy(self, id_: str, resource_id: str, name: str) -> str:
        """Of a scaling policy: of the service autoscaling, as AWS has it."""
        return self._autoscaling("scalingPolicy", id_, resource_id) + f":policyName/{name}"

    def scheduled(self, id_: str, resource_id: str, name: str) -> str:
        """Of a scheduled action."""
        return self._autoscaling("scheduledAction", id_, resource_id) + f":scheduledActionName/{name}"

    def alarm(self, name: str) -> str:
        """Of CloudWatch's alarm."""
        return f"arn:{self.partition}:cloudwatch:{self._where}:alarm:{name}"

    @property
    def role(self) -> str:
        """The service-linked role that scales SageMaker's endpoints."""
        name = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
        path = "aws-service-role/sagemaker.application-autoscaling.amazonaws.com"
        return f"arn:{self.partition}:iam::{self.account_id}:role/{path}/{name}"

    @property
    def _where(self) -> str:
        return f"{self.region}:{self.account_id}"

    def _autoscaling(self, kind: str, id_: str, resource_id: str) -> str:
        return f"arn:{self.partition}:autoscaling:{self._where}:{kind}:{id_}:resource/sagemaker/{resource_id}"


def key_of(request: Request) -> TargetKey:
    """The target that a request names."""
    return tuple(str(request[name]) for name in KEY)  # type: ignore[return-value]  # KEY has three


def asked_for(key: TargetKey, request: Request) -> bool:
    """Whether a Describe operation asks for it: what it leaves open it asks for too."""
    return all(request.get(name) in {None, value} for name, value in zip(KEY, key, strict=True))


def missing(message: str) -> ApiError:
    """What is named is not there."""
    return ApiError("ObjectNotFoundException", message)
