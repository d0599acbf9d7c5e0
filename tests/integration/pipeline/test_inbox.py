"""Files dropped with the AWS CLI come back scored, on the deployed stack."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tailrace import Tailrace
from tailrace_core.jobs.model import JobState
from tailrace_local.control.fault_admin import CloudFaultPlan, FaultAdmin
from tailrace_local.demo.demand import COLUMNS
from tailrace_local.testing import RunningCloud
from tests.integration.alarm_queue import AlarmQueue
from tests.integration.local.polling import eventually
from tests.integration.pipeline.alarm_states import TIME_SCALE, state_of
from tests.integration.pipeline.demand_rows import Row, ask_model, csv_bytes, demand_rows, read_csv

pytestmark = pytest.mark.cloud

AWS = Path(__file__).parents[3] / ".tools/awscli/bin/aws"
ROWS = demand_rows(120, seed=51, awkward=True)


class Inbox:
    """The bucket, as people use it."""

    def __init__(self, cloud: RunningCloud, client: Tailrace, folder: Path) -> None:
        self.cloud = cloud
        self.client = client
        self.bucket = cloud.outputs["Bucket"]
        self._s3 = cloud.client("s3")
        self._folder = folder

    def drop(self, name: str, rows: list[Row] = ROWS, **options: Any) -> None:
        """Put the options and then the file there with the AWS CLI."""
        if options:
            self.copy(json.dumps(options).encode(), f"{name}.options.json")
        self.copy(csv_bytes(rows), name)

    def copy(self, body: bytes, name: str) -> None:
        source = self._folder / "file"
        source.write_bytes(body)
        command: list[str | Path] = [AWS, "s3", "cp", "--no-progress", source, f"s3://{self.bucket}/v1/inbox/{name}"]
        environment = {**os.environ, **self.cloud.environment, "AWS_ENDPOINT_URL": self.cloud.endpoint_url}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    def read(self, name: str) -> bytes | None:
        try:
            body: bytes = self._s3.get_object(Bucket=self.bucket, Key=f"v1/outbox/{name}")["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        return body

    def wait(self, name: str) -> bytes:
        return eventually(lambda: self.read(name), what=f"v1/outbox/{name}") or b""

    def job_of(self, name: str) -> str:
        job_id: str = json.loads(self.wait(f"{name}.manifest.json"))["job_id"]
        return job_id


@pytest.fixture
def inbox(cloud: RunningCloud, tmp_path: Path) -> Iterator[Inbox]:
    if not AWS.exists():
        pytest.skip("no AWS CLI here: make tools")
    session = cloud.session()
    with Tailrace(stack=cloud.facts.stack, session=session, endpoint_url=cloud.endpoint_url) as client:
        yield Inbox(cloud, client, tmp_path)


def test_a_dropped_file_comes_back_as_a_submit_would_score_it(inbox: Inbox) -> None:
    inbox.drop("nightly/stock.csv", chunk_rows=50, join=True)
    header, *scored = read_csv(inbox.wait("nightly/stock.csv"))
    assert header == [*COLUMNS, "prediction"]
    assert scored == [[*row, answer] for row, answer in zip(ROWS, predictions(inbox, ROWS), strict=True)]
    assert inbox.read("nightly/stock.csv.rejects.csv") == b"row,reason," + csv_bytes([])
    manifest = json.loads(inbox.wait("nightly/stock.csv.manifest.json"))
    assert (manifest["state"], manifest["rows_total"], len(manifest["parts"])) == ("completed", 120, 3)


def test_a_file_dropped_twice_is_scored_twice_and_the_later_result_stays(inbox: Inbox) -> None:
    inbox.drop("twice.csv", ROWS[:60])
    first = inbox.wait("twice.csv")
    assert first == b"prediction\n" + "".join(f"{each}\n" for each in predictions(inbox, ROWS[:60])).encode()
    job = inbox.job_of("twice.csv")
    inbox.drop("twice.csv")
    expected = b"prediction\n" + "".join(f"{each}\n" for each in predictions(inbox, ROWS)).encode()
    eventually(lambda: inbox.read("twice.csv") == expected, what="the second result")
    assert inbox.job_of("twice.csv") != job


def test_names_that_need_care_are_those_of_results_or_are_refused(inbox: Inbox) -> None:
    s3, body = inbox.cloud.client("s3"), csv_bytes(ROWS[:3])
    names = ["care//two.csv", "care/日本 é🙂.csv", "care/a b+%25&=?#.csv"]
    for name in (*names, "care/folder/"):
        s3.put_object(Bucket=inbox.bucket, Key=f"v1/inbox/{name}", Body=body)
    expected = b"prediction\n" + "".join(f"{each}\n" for each in predictions(inbox, ROWS[:3])).encode()
    assert [inbox.wait(name) for name in names] == [expected] * len(names)
    assert "give it another one" in json.loads(inbox.wait("care/folder/.error.json"))["reason"]


def test_bad_options_are_reported_and_nothing_is_scored(inbox: Inbox) -> None:
    before = len(inbox.client.jobs(limit=100))
    inbox.drop("bad.csv", chunk_row=50)
    report = json.loads(inbox.wait("bad.csv.error.json"))
    assert report["type"] == "FileError"
    assert "'chunk_row' is no option here" in report["reason"]
    assert inbox.read("bad.csv") is None
    assert len(inbox.client.jobs(limit=100)) == before


def test_a_model_that_fails_is_reported_with_its_words_and_rings(inbox: Inbox) -> None:
    cloud, alarm = inbox.cloud, "InboxFailing"
    admin = FaultAdmin(cloud.own_url, cloud.token)
    rules = [{"do": {"kind": "fail_download"}}]
    alarms = AlarmQueue(cloud, cloud.outputs["AlarmTopic"])
    try:
        with cloud.time_scaled(TIME_SCALE):
            # Other tests leave files without a result.
            eventually(lambda: state_of(cloud, alarm) == "OK", what=f"{alarm} to be silent")
            admin.set(CloudFaultPlan.read(json.dumps({"sagemaker": {"rules": rules}})))
            inbox.drop("failing.csv", ROWS[:5], on_parked="fail", max_attempts=1)
            report = json.loads(inbox.wait("failing.csv.error.json"))
            told = alarms.told(alarm, "OK", "ALARM")
    finally:
        admin.clear()
        alarms.close()
    assert (report["state"], report["rows_total"]) == (JobState.FAILED, 5)
    assert report["reason"]
    assert inbox.read("failing.csv") is None
    assert told["AlarmDescription"].startswith("ticket: ")
    assert told["AlarmDescription"].endswith("#files-have-no-result")


def test_a_file_dropped_while_the_stack_is_updated_is_scored(inbox: Inbox) -> None:
    cloudformation = inbox.cloud.client("cloudformation")
    stack = inbox.cloud.facts.stack
    names = [
        each["ParameterKey"] for each in cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Parameters"]
    ]
    parameters = [
        {"ParameterKey": name, "ParameterValue": "DEBUG"}
        if name == "LogLevel"
        else {"ParameterKey": name, "UsePreviousValue": True}
        for name in names
    ]
    cloudformation.update_stack(
        StackName=stack,
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=parameters,
    )
    for number in range(3):
        inbox.drop(f"update-{number}.csv", ROWS[:20])
    expected = b"prediction\n" + "".join(f"{each}\n" for each in predictions(inbox, ROWS[:20])).encode()
    for number in range(3):
        assert inbox.wait(f"update-{number}.csv") == expected
    eventually(
        lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE",
        what="the end of the update",
    )


def predictions(inbox: Inbox, rows: list[Row]) -> list[str]:
    return ask_model(inbox.cloud.model_url, rows)
