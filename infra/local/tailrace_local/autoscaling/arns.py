"""The ARNs of Application Auto Scaling's resources, and of those that it uses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arns:
    """The ARNs of one partition, region and account."""

    partition: str
    region: str
    account_id: str

    def target(self, id_: str) -> str:
        """Return the ARN of a scalable target."""
        return f"arn:{self.partition}:application-autoscaling:{self._where}:scalable-target/{id_}"

    def policy(self, id_: str, resource_id: str, name: str) -> str:
        """Return the ARN of a scaling policy, whose service is autoscaling, as on AWS."""
        return self._autoscaling("scalingPolicy", id_, resource_id) + f":policyName/{name}"

    def scheduled(self, id_: str, resource_id: str, name: str) -> str:
        """Return the ARN of a scheduled action."""
        return self._autoscaling("scheduledAction", id_, resource_id) + f":scheduledActionName/{name}"

    def alarm(self, name: str) -> str:
        """Return the ARN of an alarm."""
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
