"""A lab's transform jobs."""

from __future__ import annotations

import json
from typing import Any

from .cloud import Json, Lab, eventually


class Transforms:
    """Jobs over the lab's bucket, with the doubling model."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def source(self, kind: str, uri: str, **more: Any) -> Json:
        return {"DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}, "ContentType": "text/csv", **more}

    def create(self, name: str, model: str, source: Json, *, output: Json | None = None, **more: Any) -> str:
        request = {
            "TransformJobName": name,
            "ModelName": model,
            "TransformInput": source,
            "TransformOutput": {"S3OutputPath": f"s3://{self.lab.bucket}/{name}", **(output or {})},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **more,
        }
        return str(self.lab.sm.create_transform_job(**request)["TransformJobArn"])

    def over_prefix(self, name: str, model: str, **more: Any) -> str:
        split = {key: more.pop(key) for key in ("SplitType", "CompressionType") if key in more}
        return self.create(name, model, self.source("S3Prefix", f"s3://{self.lab.bucket}/in/", **split), **more)

    def ended(self, name: str) -> Json:
        """The job's description once it has ended."""

        def described() -> Json | None:
            answer: Json = self.lab.sm.describe_transform_job(TransformJobName=name)
            return None if answer["TransformJobStatus"] in {"InProgress", "Stopping"} else answer

        found: Json = eventually(described, f"the end of {name}")
        return found

    def outputs(self, name: str) -> dict[str, str]:
        """The job's outputs by their keys below its output path."""
        listed = self.lab.s3.list_objects_v2(Bucket=self.lab.bucket, Prefix=f"{name}/").get("Contents", ())
        return {
            each["Key"].removeprefix(f"{name}/"): self.lab.read(f"s3://{self.lab.bucket}/{each['Key']}")[0]
            for each in listed
        }

    def statuses(self, name: str) -> list[str]:
        """The statuses of the job's events, in their order."""
        details = [json.loads(event.detail) for event in list(self.lab.running.bus.events)]
        return [detail["TransformJobStatus"] for detail in details if detail["TransformJobName"] == name]
