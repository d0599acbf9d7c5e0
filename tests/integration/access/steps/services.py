"""The steps of roles that services assume: the endpoint's, the schedule's, ProvideModel's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from tailrace_consumers.provide_model.containers import Container, definitions, digest
from tests.integration.access.steps.scene import Scene, plain
from tests.integration.access.steps.step import EffectWait, Observation, Step
from tests.integration.local.polling import eventually

GONE = "-gone"
"""Suffix of the name of a missing function, whose refused calls reveal no missing grant."""


class Endpoint:
    """The actions of SageMaker with the endpoint's execution role."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def steps(self) -> Iterator[Step]:
        """Return all steps."""
        yield Step("publish metrics", self._measured)
        yield Step("answer a chunk", lambda _: self._answered(bad=None))
        yield Step("report a failure", lambda _: self._answered(bad=0))
        yield Step("report an input that is missing", lambda _: self._missing())
        yield Step("start an instance that logs", self._started)

    def _measured(self, wait: EffectWait) -> Observation:
        began, client = time.time(), self._scene.cloud.client("cloudwatch")
        asked = {
            "Namespace": "AWS/SageMaker",
            "MetricName": "ApproximateBacklogSize",
            "Dimensions": [{"Name": "EndpointName", "Value": self._scene.cloud.outputs["EndpointName"]}],
            "Statistics": ["SampleCount"],
            "Period": 60,
        }

        def count() -> float:
            window = {"StartTime": began - 120, "EndTime": time.time() + 60}
            found = client.get_metric_statistics(**asked, **window)["Datapoints"]
            return float(sum(each["SampleCount"] for each in found))

        before = count()
        with self._scene.cloud.time_scaled(1 / 20):
            measured = wait.until(lambda: count() > before)
        return {"metrics": "are there" if measured else "are lost"}

    def _answered(self, bad: int | None) -> Observation:
        scene = self._scene
        job = scene.submit("", bad=bad)
        (chunk,) = scene.chunks(job)
        scene.answered()
        return {
            "the notification": _told(scene.heard("Succeeded", job) or scene.heard("Failed", job)),
            "the answer": "is stored" if scene.has(chunk.output_location) else "is not stored",
            "the failure": "is stored" if scene.has(chunk.failure_location) else "is not stored",
        }

    def _missing(self) -> Observation:
        scene, name = self._scene, uuid4().hex
        scene.cloud.client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=scene.cloud.outputs["EndpointName"],
            InputLocation=f"s3://{scene.bucket}/v1/jobs/{name}/input/missing.csv",
            InferenceId=name,
        )
        scene.answered()
        return {"the notification": _told(scene.heard("Failed", name)).replace(name, "…")}

    def _started(self, wait: EffectWait) -> Observation:
        """Update the endpoint to a copy of its configuration, and have its log group created again."""
        scene, client = self._scene, self._scene.cloud.client("sagemaker")
        logs, name = scene.cloud.client("logs"), scene.cloud.outputs["EndpointName"]
        described = client.describe_endpoint(EndpointName=name)
        config = client.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        kept = ("ProductionVariants", "AsyncInferenceConfig", "KmsKeyId")
        copied = f"copy-{uuid4().hex[:8]}"
        client.create_endpoint_config(
            EndpointConfigName=copied, **{key: config[key] for key in kept if config.get(key)}
        )
        group = f"/aws/sagemaker/Endpoints/{name}"
        if logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            logs.delete_log_group(logGroupName=group)
        client.update_endpoint(EndpointName=name, EndpointConfigName=copied)
        # An update ends even after a refusal; until then the endpoint accepts no other.
        eventually(lambda: client.describe_endpoint(EndpointName=name)["EndpointStatus"] != "Updating", what="the end")
        found = client.describe_endpoint(EndpointName=name)
        changed = found["EndpointConfigName"] == copied

        def logged() -> bool:
            there = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
            return bool(there) and bool(logs.filter_log_events(logGroupName=group)["events"])

        lines = changed and wait.until(logged)
        return {
            "the new instance": "serves" if changed else plain(found.get("FailureReason", "")),
            "its log": "is written" if lines else "is lost",
        }


class Schedule:
    """The actions of the scheduler with the schedule's role."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def steps(self) -> Iterator[Step]:
        """Return all steps."""
        yield Step("tick", self._ticked)
        yield Step("keep a tick that cannot be delivered", self._given_up)

    def _ticked(self, wait: EffectWait) -> Observation:
        """Create a schedule with the same target, due at once."""
        scene = self._scene
        logs, client = scene.cloud.client("logs"), scene.cloud.client("lambda")
        function = scene.cloud.functions["ReconcileJobs"]
        group = client.get_function_configuration(FunctionName=function)["LoggingConfig"]["LogGroup"]
        began = int(time.time() * 1000)

        def ran() -> bool:
            return bool(logs.filter_log_events(logGroupName=group, startTime=began)["events"])

        with scene.schedule(scene.function_arn("ReconcileJobs")):
            return {"the tick": "is delivered" if wait.until(ran) else "is lost"}

    def _given_up(self, wait: EffectWait) -> Observation:
        scene, queue = self._scene, "ReconcileJobsDeadLetter"
        before = scene.waiting(queue)
        with scene.schedule(scene.function_arn("ReconcileJobs") + GONE):
            came = wait.until(lambda: scene.waiting(queue) > before)
        return {"the dead letter": "is there" if came else "is lost"}


class ModelProvider:
    """The actions of ProvideModel for CloudFormation."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def steps(self) -> Iterator[Step]:
        """Return all steps."""
        yield Step("start a process that logs", lambda wait: self._scene.logged(wait, "ProvideModel", {}))
        yield Step("make a model", self._made)
        yield Step("delete a model", self._deleted)

    def _made(self, wait: EffectWait) -> Observation:
        name, model = self._stack(), uuid4().hex
        self._create(name, model)
        made = wait.until(lambda: self._status(name) == "CREATE_COMPLETE")
        return {"the model": "is made" if made else "is not made as long as it lacks that"}

    def _deleted(self, wait: EffectWait) -> Observation:
        name, model = self._stack(), uuid4().hex
        self._create(name, model)
        eventually(lambda: self._status(name) == "CREATE_COMPLETE", what="the model to delete")
        self._scene.cloud.client("cloudformation").delete_stack(StackName=name)
        gone = wait.until(lambda: self._status(name) in {None, "DELETE_COMPLETE"})
        return {"the model": "is gone" if gone else "stays as long as it lacks that"}

    @staticmethod
    def _stack() -> str:
        return f"model-{uuid4().hex[:8]}"

    def _create(self, name: str, model: str) -> None:
        scene, cloudformation = self._scene, self._scene.cloud.client("cloudformation")
        endpoint = scene.cloud.client("sagemaker").describe_endpoint(EndpointName=scene.cloud.outputs["EndpointName"])
        config = scene.cloud.client("sagemaker").describe_endpoint_config(
            EndpointConfigName=endpoint["EndpointConfigName"]
        )
        known = scene.cloud.client("sagemaker").describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
        container = Container(known["PrimaryContainer"]["Image"], "", {"MODEL": model})
        root = cloudformation.describe_stacks(StackName=scene.cloud.facts.stack)["Stacks"][0]["StackId"]
        properties = {
            "ServiceToken": scene.function_arn("ProvideModel"),
            "Digest": digest(definitions((container,))),
            "Image": container.image,
            "Environment": json.dumps(dict(container.environment)),
            "NamePrefix": f"tailrace-{root.rsplit('/', 1)[-1]}",
            "ExecutionRoleArn": known["ExecutionRoleArn"],
            "Tags": [{"Key": "step", "Value": name}],
        }
        template = {"Resources": {"Model": {"Type": "Custom::Model", "Properties": properties}}}
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))

    def _status(self, name: str) -> str | None:
        with suppress(ClientError):
            found = self._scene.cloud.client("cloudformation").describe_stacks(StackName=name)
            return str(found["Stacks"][0]["StackStatus"])
        return None


def _told(body: str | None) -> str:
    if body is None:
        return "never comes"
    said: dict[str, Any] = json.loads(body)
    return plain(f"{said['invocationStatus']} {said.get('failureReason', '')}".strip())
