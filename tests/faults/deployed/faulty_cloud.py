"""A deployed cloud for fault plans: it delivers delayed messages again in seconds, not minutes."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from tailrace import Tailrace
from tailrace_core.messages.arrivals import DeliveryDue
from tailrace_core.messages.events import RetryDue
from tailrace_local.control.build import Builder
from tailrace_local.control.fault_admin import FaultAdmin
from tailrace_local.control.own_model import OwnModel
from tailrace_local.control.workspace import Workspace
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
CUTTING = ("ListStripes", "CountStripe", "SumStripes", "CutStripe", "SealCutting")
INBOX = ("StartJobs", "DeliverResults")
_UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
_RETRY = RetryDue(job_id=_UNKNOWN, first_row=0, rows=1, attempt=2, tries=1, reason="nobody's")
_ARRIVAL = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "time": "2026-01-01T00:00:00Z",
    "detail": {"bucket": {"name": SOURCES}, "object": {"key": "nobody's", "etag": "0"}},
}
_IGNORED = {
    "SucceededQueue": TEST_MESSAGE,
    "FailedQueue": TEST_MESSAGE,
    "RetriesQueue": _RETRY.to_json(),
    "InboxQueueUrl": json.dumps(_ARRIVAL),
    "OutboxQueueUrl": DeliveryDue(job_id=_UNKNOWN).to_json(),
}
"""For each queue of the functions, a message without effect."""
_TIMEOUT_S = 240.0


@contextlib.contextmanager
def faulty_cloud(state_dir: Path) -> Iterator[CloudDriver]:
    """Run the pipeline, with IAM enforced, and a client of it until the block ends.

    Raises:
        LocalCloudError: the cloud did not start; nothing of it is left then.
    """
    bucket = f"arn:aws:s3:::{SOURCES}"
    parameters = {
        "MaximumConcurrency": str(WORKERS),
        "Inbox": "true",
        "CuttingConcurrency": str(WORKERS),
        "SourceArns": f"{bucket}/*",
        "SourceBucketArns": bucket,
    }
    with running_cloud(state_dir, enforce_iam=True, parameters=parameters, model=_model()) as cloud:
        _shorten(cloud)
        where = {"LocationConstraint": cloud.client("s3").meta.region_name}
        cloud.client("s3").create_bucket(Bucket=SOURCES, CreateBucketConfiguration=where)
        with Tailrace(cloud.facts.stack, session=cloud.session(), endpoint_url=cloud.endpoint_url) as client:
            yield CloudDriver(cloud, client)


def _model() -> OwnModel:
    """Return the demo's model behind a server that takes JSON too."""
    workspace = Workspace.here()
    archive, _ = Builder(workspace).model()
    server = Path(__file__).with_name("demand_server.py")
    command = ("env", f"PYTHONPATH={workspace.sources}", str(workspace.tool("model")), str(server))
    return OwnModel(shlex.join(command), str(archive))


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
