"""A job on a cloud that misbehaves: what comes out is what comes out of one that does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tailrace_local.fault_admin import CloudFaultPlan, FaultAdmin
from tailrace_local.sagemaker.notifications import TEST_MESSAGE
from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually
from tests.integration.pipeline.command import counts, submit
from tests.integration.pipeline.demand_rows import ask_model, csv_bytes, demand_rows, read_csv

pytestmark = pytest.mark.cloud

ROWS = demand_rows(200, seed=7)
POISONED = (33, 150)
# Redelivery would wait for the functions' timeouts; it is not what is tested here.
VISIBILITY_S = 5


@pytest.fixture
def admin(cloud: RunningCloud) -> Iterator[FaultAdmin]:
    sqs = cloud.client("sqs")
    queues = [cloud.outputs[name] for name in ("SucceededQueue", "FailedQueue", "RetriesQueue")]
    names = ["VisibilityTimeout"]
    before = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] for url in queues]
    for url in queues:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(VISIBILITY_S)})
    for url in queues[:2]:
        end_the_waiting_receive(sqs, url)
    made = FaultAdmin(cloud.endpoint_url)
    yield made
    made.clear()
    for url, attributes in zip(queues, before, strict=True):
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def end_the_waiting_receive(sqs: Any, url: str) -> None:
    """A receive that waits already keeps the timeout that it began with: give it something that functions ignore."""
    sqs.send_message(QueueUrl=url, MessageBody=TEST_MESSAGE)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def taken() -> bool:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return all(found[name] == "0" for name in names)

    eventually(taken, within_s=60, what="an empty queue")


def model_url(cloud: RunningCloud) -> str:
    """The model's address now; a killed server comes back at another one."""
    for path in (cloud.state_dir / "processes").glob("*.json"):
        record = json.loads(path.read_text())
        if record["what"] == "model-server":
            return str(record["url"])
    raise AssertionError("no model server runs")


def scored(cloud: RunningCloud, folder: Path, chunk_rows: int = 20) -> list[list[str]]:
    """The predictions of a job whose poisoned rows alone were rejected."""
    rows = [[*row[:2], "POISON", *row[3:]] if number in POISONED else row for number, row in enumerate(ROWS)]
    source, output = folder / "input.csv", folder / "scored.csv"
    source.write_bytes(csv_bytes(rows))
    finished = submit(cloud, source, "--chunk-rows", str(chunk_rows), "--output", output)
    assert finished.code == 3, finished.stderr
    assert counts(finished) == [len(rows), len(rows) - len(POISONED), len(POISONED), 0]
    return read_csv(output.read_bytes())[1:]


def expected(cloud: RunningCloud) -> list[list[str]]:
    good = [number for number in range(len(ROWS)) if number not in POISONED]
    predictions = dict(zip(good, ask_model(model_url(cloud), [ROWS[number] for number in good]), strict=True))
    return [[predictions.get(number, "")] for number in range(len(ROWS))]


def kinds(shown: dict[str, Any], section: str) -> set[str]:
    return set(shown[section]["counts"]["by_kind"])


def test_a_job_survives_the_endpoint_and_its_own_functions(
    cloud: RunningCloud, admin: FaultAdmin, tmp_path: Path
) -> None:
    # Of whole chunks only: a single row without an answer is rejected, and rightly.
    first = r"\.20\.1$"
    sagemaker = [
        {"when": {"row": "POISON"}, "do": {"kind": "status", "status": 400}},
        {"when": {"inference_id": first, "every": 4}, "do": {"kind": "spoil_output", "how": "drop_middle"}},
        {"when": {"after": 2, "limit": 1}, "do": {"kind": "kill_instance"}},
        {"when": {"after": 3, "limit": 2}, "do": {"kind": "refuse"}},
        {"when": {"after": 6, "limit": 2}, "do": {"kind": "lose_answer"}},
        {"when": {"rate": 0.3}, "do": {"kind": "duplicate", "times": 2}},
        {"when": {"every": 5}, "do": {"kind": "replay"}},
        {"do": {"kind": "reorder", "window": 4, "within_s": 0.5}},
    ]
    functions = [
        {"when": {"function": "*CollectResults*", "every": 9, "limit": 3}, "do": {"kind": "kill_after"}},
        {"when": {"function": "*HandleFailures*", "every": 7, "limit": 3}, "do": {"kind": "kill_before"}},
        {"when": {"function": "*CollectResults*", "every": 8, "limit": 4}, "do": {"kind": "lose_reply"}},
    ]
    plan = {"seed": 11, "sagemaker": {"rules": sagemaker}, "functions": {"rules": functions}}
    admin.set(CloudFaultPlan.read(json.dumps(plan)))

    found = scored(cloud, tmp_path)
    shown = admin.clear()

    assert found == expected(cloud)
    assert kinds(shown, "sagemaker") == {rule["do"]["kind"] for rule in sagemaker}  # type: ignore[index]  # a rule is a dict
    assert kinds(shown, "functions") == {"kill_after", "kill_before", "lose_reply"}
