"""A rule that watches the ends of transform jobs, and its target queues."""

from __future__ import annotations

import json
from typing import Any

from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually

ROW = "1062,Beverages,Fruit Juice Mango,110,0.878183107,0,0,2018-01-01\n"


class Watch:
    """A rule for the ends of transform jobs, with two target queues; the policy of one lets it send."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.cloud = cloud
        self.sqs, self.events, self.sagemaker = (cloud.client(name) for name in ("sqs", "events", "sagemaker"))
        pattern = {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Transform Job State Change"],
            "detail": {"TransformJobStatus": ["Completed", "Failed"], "TransformJobName": [{"prefix": "watched-"}]},
        }
        self.rule = self.events.put_rule(Name="ends", EventPattern=json.dumps(pattern))["RuleArn"]
        self.heard, self.deaf = self._queue("heard", allowed=True), self._queue("deaf", allowed=False)

    def _queue(self, name: str, *, allowed: bool) -> str:
        url = str(self.sqs.create_queue(QueueName=name)["QueueUrl"])
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        if allowed:
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": self.rule}},
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        self.events.put_targets(Rule="ends", Targets=[{"Id": name, "Arn": arn}])
        return url

    def start(self, name: str, kind: str, uri: str) -> None:
        bucket = self.cloud.outputs["Bucket"]
        self.sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=self.sagemaker.list_models()["Models"][0]["ModelName"],
            TransformInput={
                "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}},
                "ContentType": "text/csv",
            },
            TransformOutput={"S3OutputPath": f"s3://{bucket}/outputs/{name}", "Accept": "text/csv"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )

    def next(self, count: int) -> list[dict[str, Any]]:
        """The next events of the queue that the rule may send to."""
        seen: list[dict[str, Any]] = []

        def enough() -> bool:
            seen.extend(self.received(self.heard))
            return len(seen) >= count

        eventually(enough, what=f"{count} events")
        return seen

    def received(self, url: str) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ())
        for each in found:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return [json.loads(each["Body"]) for each in found]
