"""Bad input: a clear error or rejected rows, the documented exit code, and no open job."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tailrace_core.jobs.model import JobState
from tailrace_local.testing import RunningCloud
from tests.integration.pipeline.command import Finished, counts, submit, tailrace
from tests.integration.pipeline.demand_rows import ask_model, csv_bytes, demand_rows, read_csv

pytestmark = pytest.mark.cloud

ROWS = demand_rows(40, seed=5)


def open_jobs(cloud: RunningCloud) -> list[str]:
    listed = tailrace(cloud, "jobs", "--stack", cloud.facts.stack, "--json")
    assert listed.code == 0, listed.stderr
    return [job["job_id"] for job in listed.json_lines if not JobState(job["state"]).final]


def submit_bytes(cloud: RunningCloud, folder: Path, content: bytes, *arguments: str) -> Finished:
    source = folder / "input.csv"
    source.write_bytes(content)
    return submit(cloud, source, *arguments, "--output", folder / "scored.csv")


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        pytest.param(b"", (), "empty", id="an empty file"),
        pytest.param(csv_bytes([]), (), "header", id="a header only"),
        pytest.param(csv_bytes(ROWS), ("--keep", "nobody"), "nobody", id="an unknown column"),
        pytest.param(csv_bytes(ROWS), ("--chunk-bytes", "20", "--on-bad-row", "stop"), "20", id="too long"),
        pytest.param(csv_bytes(ROWS) + b"a,b\n", ("--on-bad-row", "stop"), "row 40", id="a bad row when told to stop"),
        pytest.param(csv_bytes(ROWS), ("--chunk-rows", "0"), "chunk-rows", id="a chunk of no rows"),
    ],
)
def test_bad_input_is_refused_with_exit_code_2_and_a_message_that_names_it(
    cloud: RunningCloud, tmp_path: Path, content: bytes, arguments: tuple[str, ...], said: str
) -> None:
    finished = submit_bytes(cloud, tmp_path, content, *arguments)

    assert finished.code == 2, finished.stderr
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not (tmp_path / "scored.csv").exists()
    assert open_jobs(cloud) == []


def test_a_missing_file_is_refused(cloud: RunningCloud, tmp_path: Path) -> None:
    finished = submit(cloud, tmp_path / "nowhere.csv")

    assert finished.code == 2
    assert "nowhere.csv" in finished.stderr
    assert open_jobs(cloud) == []


def test_a_missing_stack_is_named(cloud: RunningCloud, tmp_path: Path) -> None:
    source = tmp_path / "input.csv"
    source.write_bytes(csv_bytes(ROWS))

    finished = tailrace(cloud, "submit", source, "--stack", "no-such-stack")

    assert finished.code == 2
    assert "no-such-stack" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_bad_rows_are_rejected_and_all_others_scored(cloud: RunningCloud, tmp_path: Path) -> None:
    bad = {
        3: b"\n",
        7: b"1062,Beverages\n",
        11: b"# a comment\n",
        12: b"1062,Bev\x00erages,x,110,0.9,0,0,2018-01-01\n",
        20: b"1062,\xff\xfe,x,110,0.9,0,0,2018-01-01\n",
        21: csv_bytes([]),
        33: b"1062,Beverages,x,110,cheap,0,0,2018-01-01\n",  # only the model can tell
    }
    header, *records = csv_bytes(ROWS).splitlines(keepends=True)
    lines = [bad.get(row, record) for row, record in enumerate(records)]

    finished = submit_bytes(cloud, tmp_path, b"".join([header, *lines]), "--chunk-rows", "16")

    assert finished.code == 3, finished.stderr
    assert finished.json["state"] == "completed_with_rejects"
    assert counts(finished) == [40, 33, 7, 0]
    good = [row for row in range(40) if row not in bad]
    predictions = dict(zip(good, ask_model(cloud.model_url, [ROWS[row] for row in good]), strict=True))
    assert read_csv((tmp_path / "scored.csv").read_bytes())[1:] == [[predictions.get(row, "")] for row in range(40)]

    rejects = tailrace(cloud, "rejects", finished.json["job_id"], "--stack", cloud.facts.stack, "--json")
    assert rejects.code == 0, rejects.stderr
    reasons = {entry["row"]: entry["reason"] for entry in rejects.json_lines}
    assert set(reasons) == set(bad)
    assert "blank" in reasons[3]
    assert "8 fields expected" in reasons[7]
    assert "400" in reasons[33]
    assert open_jobs(cloud) == []


def test_an_endpoint_that_was_deleted_is_named_and_no_job_stays_open(cloud: RunningCloud, tmp_path: Path) -> None:
    """A stack of outputs alone, with an `EndpointName` that is wrong or was deleted since."""
    outputs = cloud.outputs
    template = {
        "Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
        "Outputs": {name: {"Value": "gone" if name == "EndpointName" else value} for name, value in outputs.items()},
    }
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName="endpoint-gone", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="endpoint-gone", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    source = tmp_path / "input.csv"
    source.write_bytes(csv_bytes(ROWS))
    try:
        finished = tailrace(cloud, "submit", source, "--stack", "endpoint-gone", "--wait")
    finally:
        cloudformation.delete_stack(StackName="endpoint-gone")

    assert finished.code == 2, finished.stderr
    assert "gone" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert open_jobs(cloud) == []
