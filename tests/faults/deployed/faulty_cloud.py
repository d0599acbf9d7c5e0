"""A deployed cloud for fault plans: it delivers delayed messages again in seconds, not minutes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tailrace import Tailrace
from tailrace_core.messages.events import RetryDue
from tailrace_local.control.fault_admin import FaultAdmin
from tailrace_local.sagemaker.messages.notifications import TEST_MESSAGE
from tailrace_local.testing import RunningCloud, running_cloud
from tests.faults.deployed.cloud_driver import CloudDriver, polling
from tests.faults.deployed.queues import Queues

HIDDEN_S = 10
"""Visibility timeout of the functions' queues, in seconds: how long the message of a killed
function stays hidden."""
WORKERS = 2
"""Most workers of each function: a fault plan restarts all of them, and two cores suffice for no
more."""
SOURCES = "torture-sources"
"""The bucket of the inputs that are cut where they lie."""
FUNCTIONS = ("CollectResults", "HandleFailures", "DispatchRetries", "ReconcileJobs")
_UNKNOWN_JOB = RetryDue(job_id="01ARZ3NDEKTSV4RRFFQ69G5FAV", first_row=0, rows=1, attempt=2, tries=1, reason="nobody's")
_IGNORED = {"SucceededQueue": TEST_MESSAGE, "FailedQueue": TEST_MESSAGE, "RetriesQueue": _UNKNOWN_JOB.to_json()}
"""For each queue of the functions, a message without effect."""
_TIMEOUT_S = 60.0


@contextlib.contextmanager
def faulty_cloud(state_dir: Path) -> Iterator[CloudDriver]:
    """Run the pipeline, with IAM enforced, and a client of it until the block ends.

    Raises:
        LocalCloudError: the cloud did not start; nothing of it is left then.
    """
    bucket = f"arn:aws:s3:::{SOURCES}"
    parameters = {
        "MaximumConcurrency": str(WORKERS),
        "RemoteCutting": "true",
        "CuttingConcurrency": str(WORKERS),
        "SourceArns": f"{bucket}/*",
        "SourceBucketArns": bucket,
    }
    with running_cloud(state_dir, enforce_iam=True, parameters=parameters) as cloud:
        _shorten(cloud)
        where = {"LocationConstraint": cloud.client("s3").meta.region_name}
        cloud.client("s3").create_bucket(Bucket=SOURCES, CreateBucketConfiguration=where)
        with Tailrace(cloud.facts.stack, session=cloud.session(), endpoint_url=cloud.endpoint_url) as client:
            yield CloudDriver(cloud, client)


def _shorten(cloud: RunningCloud) -> None:
    """Shorten the visibility timeouts.

    A receive that already waits keeps the old timeout: a message without effect ends it.
    """
    queues = Queues(cloud)
    for output, message in _IGNORED.items():
        sqs, url = cloud.client("sqs"), cloud.outputs[output]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(HIDDEN_S)})
        sqs.send_message(QueueUrl=url, MessageBody=message)
    for _ in polling("the first messages to be handled", _TIMEOUT_S):
        if not queues.left():
            return


@contextlib.contextmanager
def plan_cleared(admin: FaultAdmin) -> Iterator[FaultAdmin]:
    """Clear the cloud's fault plan when the block ends."""
    try:
        yield admin
    finally:
        admin.clear()
