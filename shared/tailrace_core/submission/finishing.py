"""The calls with which a submit finishes a job: the manifest and the final event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailrace_core.aws.calls import Call

if TYPE_CHECKING:
    from tailrace_core.aws.calls import Steps
    from tailrace_core.messages.events import JobFinished, PartReady
    from tailrace_core.submission.resources import Resources


class ManifestPublisher:
    """Stores manifests and publishes final events of one pipeline's jobs, as steps.

    Implements `tailrace_core.ledger.finishing.FinishingSteps`.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def put_manifest(self, key: str, body: bytes) -> Steps[str]:
        """Store the manifest and return its location, ``s3://bucket/key``."""
        params = {"Bucket": self._resources.bucket, "Key": key, "Body": body, "ContentType": "application/json"}
        yield Call("s3", "put_object", params)
        return f"s3://{self._resources.bucket}/{key}"

    def publish(self, event: JobFinished) -> Steps[None]:
        """Publish the event on the results topic."""
        yield publish_call(self._resources.results_topic, event)


def publish_call(topic: str, event: PartReady | JobFinished) -> Call:
    """Return the call that publishes ``event`` on the topic with the ARN ``topic``."""
    from tailrace_core.messages.events import message_attributes  # noqa: PLC0415 - brings pydantic, which most submits do not need

    params = {"TopicArn": topic, "Message": event.to_json(), "MessageAttributes": message_attributes(event)}
    return Call("sns", "publish", params)
