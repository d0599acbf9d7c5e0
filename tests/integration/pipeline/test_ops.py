"""An operator's commands on the deployed cloud: list, correct, redrive, discard, cancel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tailrace import Tailrace
from tailrace_core.jobs.model import JobState
from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tailrace_local.demo.demand import COLUMNS
from tailrace_local.sagemaker.messages.notifications import TEST_MESSAGE
from tailrace_local.testing import RunningCloud
from tests.integration.local.polling import eventually
from tests.integration.pipeline.command import Finished, submit, tailrace
from tests.integration.pipeline.demand_rows import Row, ask_model, csv_bytes, demand_rows, read_csv
from tests.integration.pipeline.instances import answered, scale

pytestmark = pytest.mark.cloud

ROWS = demand_rows(40, seed=21)
UNREADABLE = {"do": {"kind": "fail_download"}}
_COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]


class Bench:
    """The command line against the cloud, and the endpoint's faults.

    Its waits ask a client in this process: a command for each look would take a processor from the
    functions that they wait for.
    """

    def __init__(self, cloud: RunningCloud, client: Tailrace, admin: FaultAdmin, folder: Path) -> None:
        self.cloud = cloud
        self.client = client
        self.admin = admin
        self.folder = folder

    def run(self, *arguments: str | Path, stdin: bytes = b"") -> Finished:
        return tailrace(self.cloud, *arguments, "--stack", self.cloud.facts.stack, stdin=stdin)

    def break_endpoint(self, *rules: dict[str, Any]) -> None:
        self.admin.set(CloudFaultPlan.read(json.dumps({"sagemaker": {"rules": rules}})))

    def submitted(self, *arguments: str, rows: list[Row] = ROWS) -> str:
        source = self.folder / "input.csv"
        keyed = [[f"k{number}", *row] for number, row in enumerate(rows)]
        source.write_bytes(csv_bytes(keyed, header=("key", *COLUMNS)))
        finished = submit(self.cloud, source, "--keep", "key", "--chunk-rows", "20", *arguments)
        assert finished.code == 0, finished.stderr
        return str(finished.json["job_id"])

    def status(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.run("status", job_id, "--json").json
        return found

    def parked(self, *rules: dict[str, Any]) -> str:
        """Create a job of two chunks, both parked."""
        self.break_endpoint(*(rules or (UNREADABLE,)))
        job_id = self.submitted()
        eventually(lambda: self.client.status(job_id).times_parked == 2, what="two parked chunks")
        self.admin.clear()
        return job_id

    def listed(self, job_id: str, *arguments: str) -> list[dict[str, Any]]:
        finished = self.run("parked", "list", "--json", *arguments)
        assert finished.code == 0, finished.stderr
        # The command lists by the time of parking, which is the order in which the two were answered.
        found = [each for each in finished.json_lines if each["job_id"] == job_id]
        return sorted(found, key=lambda each: str(each["range"]))

    def finished(self, job_id: str, code: int) -> None:
        done = self.run("wait", job_id, "--timeout", "150s", "--quiet")
        assert done.code == code, done.stderr

    def scored(self, job_id: str) -> list[Row]:
        done = self.run("download", job_id, "--quiet")
        assert done.code == 0, done.stderr
        return read_csv(done.stdout)[1:]

    def expected(self, rows: list[Row]) -> list[Row]:
        answers = ask_model(self.cloud.model_url, rows)
        return [[f"k{number}", answer] for number, answer in enumerate(answers)]

    def idle(self, output: str) -> None:
        """Wait until a queue is empty and none of its messages is in flight."""
        sqs, url = self.cloud.client("sqs"), self.cloud.outputs[output]

        def empty() -> bool:
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=_COUNTS)["Attributes"]
            return all(found[name] == "0" for name in _COUNTS)

        eventually(empty, what=f"an empty {output}")


@pytest.fixture
def bench(cloud: RunningCloud, tmp_path: Path) -> Iterator[Bench]:
    admin = FaultAdmin(cloud.own_url, cloud.token)
    with Tailrace(cloud.facts.stack, session=cloud.session(), endpoint_url=cloud.endpoint_url) as client:
        yield Bench(cloud, client, admin, tmp_path)
    admin.clear()
    cloud.client("sqs").purge_queue(QueueUrl=cloud.outputs["ParkedQueue"])


def test_parked_chunks_are_listed_shown_and_redriven_and_the_job_completes(bench: Bench) -> None:
    job_id = bench.parked()
    first, second = bench.listed(job_id)
    assert [(each["range"], each["state"], each["failure_class"]) for each in (first, second)] == [
        ("000000000000-20", "parked", "infrastructure"),
        ("000000000020-20", "parked", "infrastructure"),
    ]
    assert [each["range"] for each in bench.listed(job_id, "--job", job_id)] == [first["range"], second["range"]]

    shown = bench.run("parked", "show", first["event_id"], "--json").json
    assert shown["input_first_rows"].splitlines() == csv_bytes(ROWS[:5], header=None).decode().splitlines()
    assert "redrive" in shown["advice"]
    assert "the fault plan says so" in shown["reason"]

    one = bench.run("parked", "redrive", job_id, first["range"], "--note", "read again", "--json")
    assert one.code == 0, one.stderr
    assert one.json["messages_deleted"] == 1
    dry = bench.run("parked", "redrive", "--all", "--json")
    assert [(each["range"], each["done"]) for each in dry.json_lines if each["job_id"] == job_id] == [
        (second["range"], False)
    ]
    rest = bench.run("parked", "redrive", "--all", "--job", job_id, "--yes", "--json")
    assert [(each["range"], each["done"]) for each in rest.json_lines] == [(second["range"], True)]

    bench.finished(job_id, 0)
    assert bench.scored(job_id) == bench.expected(ROWS)
    assert bench.listed(job_id) == []
    again = bench.run("parked", "redrive", job_id, first["range"])
    assert again.code == 2
    assert "settled (scored)" in again.stderr


def test_a_chunk_whose_input_is_lost_is_redriven_with_rows_from_elsewhere(bench: Bench) -> None:
    job_id = bench.parked()
    bucket = bench.cloud.outputs["Bucket"]
    key = f"v1/jobs/{job_id}/input/000000000000-20.csv"
    kept = bench.run("parked", "show", job_id, "0-20", "--input").stdout
    bench.cloud.client("s3").delete_object(Bucket=bucket, Key=key)
    assert bench.run("parked", "show", job_id, "0-20", "--json").json["input_first_rows"] is None

    rows = [list(row) for row in ROWS]
    rows[3][3] = "999"
    corrected = csv_bytes([*rows[:20]], header=None)
    assert corrected != kept
    short = bench.run("parked", "redrive", job_id, "0-20", "--edit", "-", stdin=csv_bytes(rows[:19], header=None))
    assert short.code == 2
    assert "holds 19 rows, 20 were sent" in short.stderr
    done = bench.run("parked", "redrive", job_id, "0-20", "--edit", "-", stdin=corrected)
    assert done.code == 0, done.stderr
    assert bench.run("parked", "redrive", job_id, "20-20").code == 0

    bench.finished(job_id, 0)
    assert bench.scored(job_id) == bench.expected(rows)
    assert bench.expected(rows) != bench.expected(ROWS)


def test_a_discarded_chunk_is_rejected_and_its_rows_can_be_submitted_again(bench: Bench) -> None:
    job_id = bench.parked()
    asked = bench.run("parked", "discard", job_id, "20-20", "--reason", "shop closed")
    assert "nothing was done yet" in asked.stderr
    done = bench.run("parked", "discard", job_id, "20-20", "--reason", "shop closed", "--yes")
    assert done.code == 0, done.stderr
    assert bench.run("parked", "redrive", job_id, "0-20").code == 0

    bench.finished(job_id, 3)
    expected = bench.expected(ROWS)
    assert bench.scored(job_id) == [*expected[:20], *([key, ""] for key, _ in expected[20:])]
    rejects = bench.folder / "rejects.csv"
    assert bench.run("rejects", job_id, "--output", rejects).code == 0
    header, *rejected = read_csv(rejects.read_bytes())
    assert header == ["row", "reason", "key", *COLUMNS]
    assert [row[0] for row in rejected] == [str(number) for number in range(20, 40)]
    assert all("shop closed" in row[1] for row in rejected)

    output = bench.folder / "again.csv"
    again = submit(bench.cloud, rejects, "--keep", "key", "--drop", "row,reason", "--output", output)
    assert again.code == 0, again.stderr
    assert read_csv(output.read_bytes())[1:] == expected[20:]


def test_a_cancelled_job_refuses_late_results(bench: Bench) -> None:
    scale(bench.cloud, 0)
    try:
        job_id = bench.submitted()
        done = bench.run("cancel", job_id, "--reason", "wrong file", "--json")
        assert (done.json["state"], done.json["rows_cancelled"], done.json["reason"]) == ("cancelled", 40, "wrong file")
        assert bench.run("wait", job_id).code == 5
    finally:
        scale(bench.cloud, 1)
    outputs = bench.cloud.client("s3")
    bucket = bench.cloud.outputs["Bucket"]
    answered(bench.cloud)
    assert _answers(bench, job_id)
    bench.idle("SucceededQueue")
    after = bench.status(job_id)
    assert (after["state"], after["rows_scored"], after["rows_cancelled"]) == ("cancelled", 0, 40)
    listed = outputs.list_objects_v2(Bucket=bucket, Prefix=f"v1/jobs/{job_id}/parts/")
    assert listed["KeyCount"] == 0
    assert bench.run("download", job_id).code == 2


def test_a_job_past_its_deadline_expires_when_the_reconciler_looks(bench: Bench) -> None:
    bench.break_endpoint({"do": {"kind": "lose"}})
    job_id = bench.submitted("--deadline", "1s")

    def expired() -> bool:
        bench.cloud.client("lambda").invoke(FunctionName=bench.cloud.functions["ReconcileJobs"], Payload=b"{}")
        return bench.client.status(job_id).state is JobState.EXPIRED

    eventually(expired, what="the expired job")
    found = bench.status(job_id)
    assert (found["rows_cancelled"], found["rows_open"]) == (40, 0)
    assert bench.run("wait", job_id).code == 5


def test_dead_letters_are_listed_peeked_at_and_sent_again(bench: Bench) -> None:
    sqs = bench.cloud.client("sqs")
    sqs.send_message(QueueUrl=bench.cloud.outputs["FailedDeadLetterQueue"], MessageBody=TEST_MESSAGE)
    listed = {each["queue"]: each["letters"] for each in bench.run("dlq", "list", "--json").json_lines}
    assert listed["failed"] == 1
    assert set(listed) >= {"succeeded", "failed", "retries", "parked", "results", "reconcile-jobs"}
    peeked = bench.run("dlq", "peek", "failed", "--json").json
    assert (peeked["body"], peeked["fault"]) == (TEST_MESSAGE, None)
    assert "nothing was done yet" in bench.run("dlq", "redrive", "failed").stderr
    sent = bench.run("dlq", "redrive", "failed", "--yes", "--json")
    assert sent.code == 0, sent.stderr
    assert [each["times"] for each in sent.json_lines] == [1]
    bench.idle("FailedDeadLetterQueue")
    bench.idle("FailedQueue")


def test_the_results_queue_is_read_once(bench: Bench) -> None:
    job_id = bench.submitted()
    bench.finished(job_id, 0)
    read = bench.run("results", "--json")
    assert read.code == 0, read.stderr
    mine = [each for each in read.json_lines if each["job_id"] == job_id]
    assert sorted(each["type"] for each in mine) == ["JobFinished", "PartReady", "PartReady"]
    assert len({each["event_id"] for each in mine}) == 3
    again = bench.run("results", "--json")
    assert [each for each in again.json_lines if each["job_id"] == job_id] == []


def _answers(bench: Bench, job_id: str) -> bool:
    """Return whether both chunks' outputs exist at the ledger's locations."""
    table = bench.cloud.client("dynamodb")
    found = table.query(
        TableName=bench.cloud.outputs["LedgerTable"],
        KeyConditionExpression="job = :j AND begins_with(#i, :c)",
        ExpressionAttributeNames={"#i": "item"},
        ExpressionAttributeValues={":j": {"S": job_id}, ":c": {"S": "chunk#"}},
    )["Items"]
    keys = {each["output_location"]["S"].split("/", 3)[3] for each in found}
    listed = bench.cloud.client("s3").list_objects_v2(Bucket=bench.cloud.outputs["Bucket"], Prefix="v1/outputs/")
    return keys <= {each["Key"] for each in listed.get("Contents", ())}
