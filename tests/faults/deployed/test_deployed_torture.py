"""A bounded number of random jobs under random faults on the deployed stack.

`make torture DEPLOYED=1` runs more.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tailrace_core.submission.options import SubmitOptions
from tailrace_local.control.fault_admin import CloudFaultPlan
from tests.faults.deployed.demand_input import DemandInput
from tests.faults.deployed.entries import Entry, Twice
from tests.faults.deployed.faulty_cloud import FUNCTIONS, INBOX
from tests.faults.deployed.random_faults import rule
from tests.faults.deployed.random_jobs import Interruption, RandomJob
from tests.faults.deployed.rounds import SEED, Round, RoundRunner
from tests.integration.pipeline.demand_rows import demand_rows

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

KILLS = [
    rule("kill_after", function="*CollectResults*", call="dynamodb.TransactWriteItems", limit=1),
    rule("kill_before", function="*CollectResults*", call="sns.Publish*", limit=1),
    rule("kill_after", function="*HandleFailures*", number=4, limit=1),
    rule("kill_after", function="*DispatchRetries*", call="sagemaker*", limit=1),
    rule("kill_before", function="*ReconcileJobs*", number=4, limit=1),
    rule("kill_after", function="*StartJobs*", number=4, limit=1),
    rule("kill_after", function="*CutStripe*", call="dynamodb.TransactWriteItems", limit=1),
    rule("kill_after", function="*DeliverResults*", call="s3.UploadPartCopy", limit=1),
]
"""Kills each function during its work: each event makes at least that many calls, or such a
call."""
SMALL_ROUND = 51
"""A round of two jobs: a producer is killed, and a compressed file of the inbox, asked in JSON, is
dropped again; a file that cannot be scored is dropped too. Another seed has other jobs."""
_ROWS, _KEY_CHARS = 22, 240_000
LARGE = RandomJob(
    DemandInput(demand_rows(2 * _ROWS, SEED), {}, keyed=True, key_chars=_KEY_CHARS),
    SubmitOptions(keep=("key",), chunk_rows=_ROWS, chunk_bytes=8 * 1024 * 1024),
    Interruption.NOTHING,
    interrupt_at=0.0,
    hurries=0,
)
"""A job of two parts above 5 MiB, the least that S3 copies into another object."""


def test_jobs_come_out_right_though_every_kind_of_process_is_killed_inside_its_work(runner: RoundRunner) -> None:
    source = random.Random(SEED)
    killed_job = RandomJob.of(source, interruption=Interruption.PRODUCER_KILLED)
    dropped = Entry(LARGE.options.stripe_bytes, dropped=True, compressed=True, twice=Twice.EVENT)
    failing = [rule({"kind": "status", "status": 503}, inference_id=r"\.1$", rate=0.3), rule("drop", rate=0.2)]
    plan = {"seed": SEED, "sagemaker": {"rules": failing}, "functions": {"rules": KILLS}}
    killed = runner.totals["producers killed"]

    reports = runner.play(Round((killed_job, LARGE), CloudFaultPlan.model_validate(plan), (None, dropped)))

    log = runner.admin.log()["functions"]
    for entry in log:
        print(f"{entry['function']}: {entry['kind']} {entry['call']}, call {entry['number']} of its event")
    working = (*FUNCTIONS, *INBOX, "CutStripe")
    landed = Counter(name for name in working for entry in log if name in entry["function"])
    assert set(landed) == set(working)
    assert "s3.UploadPartCopy" in {entry["call"] for entry in log}
    assert min(entry["number"] for entry in log) > 1
    assert runner.totals["producers killed"] > killed
    assert sum(report.recovered for report in reports)


def test_random_jobs_under_random_faults_end_as_they_must(runner: RoundRunner) -> None:
    played = Round.of(f"{SEED}:{SMALL_ROUND}")
    print(played)
    for report in runner.play(played):
        print(report)
    print(runner.summary())
