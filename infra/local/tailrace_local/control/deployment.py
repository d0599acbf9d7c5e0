"""Deploys the template to a running cloud with the SAM CLI, and reads the deployed stack."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailrace_local.control.admin_api import get_json
from tailrace_local.control.build import sam_environment
from tailrace_local.control.launch import model_image
from tailrace_local.control.own_model import OwnModel
from tailrace_local.control.subprocesses import run
from tailrace_local.control.workspace import Workspace
from tailrace_local.errors import DeployError
from tailrace_local.private_files import write_private
from tailrace_local.state_directory import CloudFacts, StateDirectory

if TYPE_CHECKING:
    import boto3

_EMBEDDED = re.compile(r"Embedded stack (arn:\S+) was not successfully")
MODEL_KEY = "models/demand/model.tar.gz"
_STARTUP_S = 120


def session(facts: CloudFacts, credentials: Mapping[str, str] | None = None) -> boto3.Session:
    """Return a boto3 session of this cloud; its clients still need `endpoint_url`.

    `credentials` are environment variables of another identity than the account's own.
    """
    found = credentials or facts.credentials
    import boto3  # noqa: PLC0415 - slow to import, and most of `tailrace local` does not need it
    import botocore.session  # noqa: PLC0415 - the same

    trusting = botocore.session.Session()
    trusting.set_config_variable("ca_bundle", facts.ca_bundle)
    return boto3.Session(
        botocore_session=trusting,
        aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=found.get("AWS_SESSION_TOKEN"),
        region_name=facts.region,
    )


def client(facts: CloudFacts, service: str, credentials: Mapping[str, str] | None = None) -> Any:
    """Return a client of one service of this cloud, for the account or for `credentials`."""
    return session(facts, credentials).client(service, endpoint_url=facts.endpoint_url)


class Deployment:
    """Deploys one stack to one cloud, for the account or for `credentials`."""

    def __init__(
        self,
        workspace: Workspace,
        state: StateDirectory,
        facts: CloudFacts,
        credentials: Mapping[str, str] | None = None,
    ) -> None:
        self._workspace = workspace
        self._state = state
        self._facts = facts
        self._credentials = credentials or facts.credentials
        self._bucket = f"tailrace-artifacts-{facts.account_id}-{facts.region}"
        self._cloudformation = client(facts, "cloudformation", self._credentials)

    def make_bucket(self) -> None:
        """Create the bucket for artifacts and the demo's model."""
        client(self._facts, "s3").create_bucket(
            Bucket=self._bucket, CreateBucketConfiguration={"LocationConstraint": self._facts.region}
        )

    def declared_parameters(self, template: Path) -> frozenset[str]:
        """Return the names of the template's parameters."""
        s3 = client(self._facts, "s3")
        s3.upload_file(str(template), self._bucket, "template.yaml")
        url = f"{self._facts.endpoint_url}/{self._bucket}/template.yaml"
        found = self._cloudformation.validate_template(TemplateURL=url)
        return frozenset(parameter["ParameterKey"] for parameter in found.get("Parameters", []))

    def model_parameters(self, archive: Path) -> dict[str, str]:
        """Upload the demo's model; return the parameters that put it behind the endpoint."""
        image = model_image(self._facts.region, self._facts.account_id)
        return {"ModelImage": image, "ModelDataUrl": self._upload(archive)}

    def own_model_parameters(self, model: OwnModel) -> dict[str, str]:
        """Upload the data of the user's model; return the parameters that put it there.

        Raises:
            StartError: the data cannot be used.
        """
        archive = model.archive(self._state.temporary)
        image = model_image(self._facts.region, self._facts.account_id, own=True)
        return {
            **model.parameters(image, self._upload(archive) if archive else None),
            # A server that does not answer should be reported soon.
            "ContainerStartupTimeoutSeconds": str(_STARTUP_S),
        }

    def _upload(self, archive: Path) -> str:
        client(self._facts, "s3").upload_file(str(archive), self._bucket, MODEL_KEY)
        return f"s3://{self._bucket}/{MODEL_KEY}"

    def deploy(self, built: Path, parameters: Mapping[str, str], *, timeout_s: float) -> CloudFacts:
        """Run `sam deploy`; return the facts with the stack's outputs and resources.

        Raises:
            DeployError: it failed; the message holds the stack's reasons.
        """
        # An empty configuration: samconfig.toml is for accounts, and may set a profile or request
        # confirmation.
        config = self._state.root / "samconfig.toml"
        write_private(config, "version = 0.1\n")
        overrides = [f"{name}={json.dumps(value)}" for name, value in sorted(parameters.items())]
        try:
            run(
                [
                    *(str(self._workspace.tool("sam", "sam")), "deploy"),
                    *("--template-file", str(built)),
                    *("--config-file", str(config)),
                    *("--stack-name", self._facts.stack),
                    *("--s3-bucket", self._bucket, "--region", self._facts.region),
                    *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"),
                    *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar", "--use-json"),
                    *(("--parameter-overrides", *overrides) if overrides else ()),
                ],
                log=self._state.logs / "deploy.log",
                cwd=built.parent,
                environment=sam_environment(self._credentials),
                timeout_s=timeout_s,
                error=DeployError,
                what="sam deploy",
            )
        except DeployError as error:
            reasons = "\n".join(self.failures(self._facts.stack))
            raise DeployError(f"{error.reason}\n{reasons}".rstrip(), log=error.log) from None
        return self.facts()

    def facts(self) -> CloudFacts:
        """Read the facts of the deployed stack."""
        (stack,) = self._cloudformation.describe_stacks(StackName=self._facts.stack)["Stacks"]
        outputs = {found["OutputKey"]: found["OutputValue"] for found in stack.get("Outputs", [])}
        endpoint = outputs.get("EndpointName") or self._resources("AWS::SageMaker::Endpoint").get("Endpoint")
        endpoint = endpoint.rsplit("/", 1)[-1] if endpoint else None
        return replace(
            self._facts,
            outputs=outputs,
            functions=self._resources("AWS::Lambda::Function"),
            endpoint_name=endpoint,
            model_url=model_url(self._facts.own_url, endpoint) if endpoint else None,
        )

    def failures(self, stack: str) -> list[str]:
        """List the reasons for failed resources of a stack and of its nested stacks."""
        try:
            events = self._cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        except Exception as error:  # noqa: BLE001 - the deployment's own error matters more
            return [f"the stack's events cannot be read: {error}"]
        found = []
        for event in reversed(events):
            if event["ResourceStatus"].endswith("_FAILED"):
                reason = event.get("ResourceStatusReason", "")
                found.append(f"  {event['StackName']}/{event['LogicalResourceId']}: {reason}")
                # The parent's event names the failed resources; the child's events have the
                # reasons.
                nested = _EMBEDDED.search(reason)
                found += self.failures(nested[1]) if nested else []
        return found

    def _resources(self, resource_type: str, stack: str | None = None) -> dict[str, str]:
        """Return physical ids by logical id, of this stack and of its nested stacks."""
        found: dict[str, str] = {}
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=stack or self._facts.stack
        )
        for page in pages:
            for resource in page["StackResourceSummaries"]:
                if resource["ResourceType"] == resource_type:
                    found[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]
                elif resource["ResourceType"] == "AWS::CloudFormation::Stack":
                    found = self._resources(resource_type, resource["PhysicalResourceId"]) | found
        return found


def model_url(own_url: str, endpoint: str) -> str | None:
    """Return the base URL of a model server behind an endpoint, or None if no instance runs."""
    instances = (get_json(f"{own_url}/_tailrace/sagemaker/endpoints/{endpoint}") or {}).get("instances") or []
    urls = [str(url) for found in instances for url in found.get("urls", [])]
    return urls[0] if urls else None
