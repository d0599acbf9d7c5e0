"""Stacks of the whole template on one cloud.

Deployed by the SAM CLI, updated, observed, deleted.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tailrace import Tailrace
from tailrace_core.jobs.model import Job
from tailrace_local.control.deployment import Deployment, client
from tailrace_local.control.workspace import Workspace
from tailrace_local.state_directory import CloudFacts, StateDirectory
from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually
from tests.integration.pipeline.demand_rows import Row, csv_bytes, read_csv

Json = dict[str, Any]
TIMEOUT_S = 240.0
UNWATCHED = {"Monitoring": "false"}
"""Parameters of a stack without alarms, which deploys faster."""
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


@dataclass(frozen=True)
class Stack:
    """A stack, deployed or not."""

    cloud: RunningCloud
    built: Path
    name: str
    credentials: Mapping[str, str]
    """The environment variables of whoever deploys it."""

    @functools.cached_property
    def deployment(self) -> Deployment:
        """The deployment of this stack."""
        facts = replace(self.cloud.facts, stack=self.name)
        return Deployment(Workspace.here(), StateDirectory(self.cloud.state_dir), facts, self.credentials)

    @functools.cached_property
    def cloudformation(self) -> Any:
        """A client that acts for whoever deploys."""
        return client(self.cloud.facts, "cloudformation", self.credentials)

    def beside(self, suffix: str) -> Stack:
        """Return a stack that stands beside this one, under a name of its own."""
        return replace(self, name=f"{self.name}-{suffix}")

    def deployed_with(self, credentials: Mapping[str, str]) -> Stack:
        """Return the same stack for another deployer."""
        return replace(self, credentials=credentials)

    def deploy(self, parameters: Mapping[str, str], *, built: Path | None = None) -> CloudFacts:
        """Run ``sam deploy``.

        Raises DeployError with the text that ``tailrace local up`` prints.
        """
        return self.deployment.deploy(built or self.built, parameters, timeout_s=TIMEOUT_S)

    def change(self, **parameters: str) -> str:
        """Update these parameters of the deployed template; return the final state."""
        known = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["Parameters"]
        names = [parameter["ParameterKey"] for parameter in known]
        self.cloudformation.update_stack(
            StackName=self.name,
            UsePreviousTemplate=True,
            Capabilities=CAPABILITIES,
            Parameters=[
                {"ParameterKey": name, "ParameterValue": parameters[name]}
                if name in parameters
                else {"ParameterKey": name, "UsePreviousValue": True}
                for name in names
            ],
        )
        return self.settled()

    def settled(self) -> str:
        """Wait for the operation in progress; return the final state."""

        def look() -> str | None:
            status = self.status()
            return None if status is None or status.endswith("IN_PROGRESS") else status

        return eventually(look, within_s=TIMEOUT_S, what=f"the end of the change of {self.name}") or ""

    def status(self) -> str | None:
        """Return StackStatus; None when the stack does not exist."""
        with suppress(ClientError):
            found = self.cloudformation.describe_stacks(StackName=self.name)
            return str(found["Stacks"][0]["StackStatus"])
        return None

    def delete(self) -> None:
        """Delete the stack and wait. Raises AssertionError when a resource could not be deleted."""
        self.cloudformation.delete_stack(StackName=self.name)

        def look() -> bool:
            status = self.status()
            assert status != "DELETE_FAILED", self.deployment.failures(self.name)
            return status in {None, "DELETE_COMPLETE"}

        eventually(look, within_s=TIMEOUT_S, what=f"the deletion of {self.name}")

    def resources(self, kind: str | None = None, stack: str | None = None) -> dict[str, str]:
        """Return physical ids by logical id, of the stack and its nested stacks."""
        pages = self.cloudformation.get_paginator("list_stack_resources")
        listed = [
            one for page in pages.paginate(StackName=stack or self.name) for one in page["StackResourceSummaries"]
        ]
        found = {
            one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed if kind in {None, one["ResourceType"]}
        }
        for one in listed:
            if one["ResourceType"] == "AWS::CloudFormation::Stack":
                found = self.resources(kind, one["PhysicalResourceId"]) | found
        return found

    def create(self, template: str, **parameters: str) -> str:
        """Create the stack from a template in S3; return the final state."""
        self.cloudformation.create_stack(
            StackName=self.name,
            TemplateURL=template,
            Capabilities=CAPABILITIES,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )
        return self.settled()

    def reasons(self) -> str:
        """Return why resources failed, nested ones too, as ``tailrace local up`` prints it."""
        return "\n".join(self.deployment.failures(self.name))

    @property
    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs."""
        return self.deployment.facts().outputs

    def endpoint(self) -> Json:
        """Return the stack's endpoint as DescribeEndpoint shows it."""
        described: Json = self.cloud.client("sagemaker").describe_endpoint(EndpointName=self.outputs["EndpointName"])
        return described

    def images(self) -> list[str]:
        """Return the images behind the stack's endpoint, in their order."""
        (variant,) = self.endpoint()["ProductionVariants"]
        return [image["SpecifiedImage"] for image in variant["DeployedImages"]]

    def client(self) -> Tailrace:
        """Create a client of the stack, as users do."""
        return Tailrace(self.name, session=self.cloud.session(), endpoint_url=self.cloud.endpoint_url)

    def score(self, rows: list[Row]) -> tuple[Job, list[str]]:
        """Run a job of these rows; return the prediction of each."""
        with self.client() as client:
            submitted = client.submit("-", stdin=io.BytesIO(csv_bytes(rows)), chunk_rows=100)
            job = client.wait(submitted.job_id, timeout_s=TIMEOUT_S)
            return job, predictions(client, job)


def predictions(client: Tailrace, job: Job) -> list[str]:
    """Return the prediction of each row of a job."""
    written = io.BytesIO()
    client.download(job.job_id, written)
    return [row[-1] for row in read_csv(written.getvalue())[1:]]


def discard(cloud: RunningCloud, kept: set[str]) -> None:
    """Delete a stack's retained buckets and tables, given by `inventory`'s names."""
    tables, objects = cloud.client("dynamodb"), cloud.client("s3")
    for kind, name in (item.split() for item in kept):
        if kind == "table":
            tables.update_table(TableName=name, DeletionProtectionEnabled=False)
            tables.delete_table(TableName=name)
        else:
            empty(objects, name)
            objects.delete_bucket(Bucket=name)


def empty(s3: Any, bucket: str) -> None:
    """Delete every version of every object."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if versions:
            named = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
            s3.delete_objects(Bucket=bucket, Delete={"Objects": named})
